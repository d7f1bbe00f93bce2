/* SPDX-License-Identifier: GPL-2.0 */
/* Maps of every kind that the tests use, and programs that are run but attached nowhere. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum colour {
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_HIGH = 0xff000000,
};

enum alone {
	ALONE_BIT = 4,
};

struct inner {
	__u8 mac[6];
	__u8 pad[2];
};

struct point {
	__s8 tiny;
	__u8 small;
	__be16 port;
	__s32 left;
	__be32 address;
	__u64 wide;
	__s64 signed_wide;
	__u16 list[3];
	char label[10];
	struct inner one;
	struct inner many[2];
	union {
		__u32 first_choice;
		__u16 second_choice;
	};
	__u64 words[2];
	__u32 pad;
};

struct key {
	__u32 a;
	__u32 b;
};

struct only_exported {
	__be64 far;
};

struct with_pointer {
	struct key *to;
};

struct layouts_exported {
	struct only_exported only_exported;
	struct key key;
	enum colour colour;
	enum alone alone;
};

struct layouts_exported layouts SEC(".rodata.layouts");

const volatile __u32 limit = 7;
const volatile __s8 shift;
const volatile __u8 wanted;
const volatile __u64 big;
__u32 writable = 5;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, struct point);
} points SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} words SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 16);
		__type(key, struct key);
		__type(value, __u32);
	});
} outer SEC(".maps");

/* Returns the byte at `limit`, or what `words` holds when the frame is shorter; marks the frame. */
SEC("xdp")
int first(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&words, &zero);
	__u32 at = limit;

	if (word)
		__sync_fetch_and_add(word, 1);
	if (wanted)
		return wanted + shift;
	if (at > 1000 || data + at + 1 > end)
		return 0;
	data[at] ^= 0xff;
	return data[at] ^ 0xff;
}

SEC("xdp")
int interface_of(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("tc")
int mark_it(struct __sk_buff *skb)
{
	if (skb->gso_segs)
		return skb->gso_segs;
	skb->mark += 1;
	return skb->ifindex;
}

SEC("xdp")
int meta(struct xdp_md *ctx)
{
	return ctx->data - ctx->data_meta;
}

struct arguments {
	__u32 in;
	__u32 out;
};

SEC("syscall")
int twice(struct arguments *arguments)
{
	arguments->out = arguments->in * 2;
	return 17;
}

SEC("xdp")
int look_inside(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct key key = {.a = 1, .b = 2};
	void *inner = bpf_map_lookup_elem(&outer, &zero);
	__u32 *value = inner ? bpf_map_lookup_elem(inner, &key) : 0;

	return value ? *value : 0;
}

/* Where passes put a batch: so many keys, values, and records. */
enum slice {
	SLICE_ELEMENTS = 16,
};

struct slice_of_points {
	struct key keys[SLICE_ELEMENTS];
	struct point values[SLICE_ELEMENTS];
	struct key records[SLICE_ELEMENTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct slice_of_points);
} slices SEC(".maps");

struct visit_call {
	__u32 slice;
	__u32 count;
	__u32 table;
	__u32 written;
};

/* Writes the key of each element. A `table` has the last one written once more. */
SEC("syscall")
int keys(struct visit_call *call)
{
	__u32 number = call->slice, i;
	struct slice_of_points *s = bpf_map_lookup_elem(&slices, &number);

	if (!s)
		return 1;
	for (i = 0; i < SLICE_ELEMENTS; i++) {
		if (i >= call->count)
			break;
		s->records[i] = s->keys[i];
		call->written += sizeof(struct key);
	}
	if (call->table && call->count < SLICE_ELEMENTS)
		call->written += sizeof(struct key);
	return 0;
}

SEC("tp_btf/xdp_redirect_err")
int noticed(struct with_pointer *ctx)
{
	return 0;
}
