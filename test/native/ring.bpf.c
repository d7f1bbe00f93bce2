/* SPDX-License-Identifier: GPL-2.0 */
/* Writes records to the ring buffer of the CPU it runs on; counts what the ring had no room for. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct record {
	__u64 sequence;
	__u32 cpu;
	__u32 size;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, 4096);
	});
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline __u64 *count(__u32 index)
{
	return bpf_map_lookup_elem(&counts, &index);
}

SEC("xdp")
int emit(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	__u64 *written = count(0), *refused = count(1);
	struct record *record;

	if (!ring || !written || !refused)
		return 1;
	record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(refused, 1);
		return 2;
	}
	record->sequence = __sync_fetch_and_add(written, 1);
	record->cpu = cpu;
	record->size = sizeof(*record);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static long wait_a_moment(__u32 index, void *ctx)
{
	return 0;
}

/* The elder record, in the ring before, is written for a while yet when the younger one is there. */
SEC("xdp")
int emit_held(struct xdp_md *ctx)
{
	__u32 zero = 0, one = 1;
	void *first = bpf_map_lookup_elem(&rings, &zero), *second = bpf_map_lookup_elem(&rings, &one);
	struct record *elder, *younger;

	if (!first || !second)
		return 1;
	elder = bpf_ringbuf_reserve(first, sizeof(*elder), 0);
	if (!elder)
		return 2;
	elder->sequence = 1;
	younger = bpf_ringbuf_reserve(second, sizeof(*younger), 0);
	if (younger) {
		younger->sequence = 2;
		bpf_ringbuf_submit(younger, BPF_RB_FORCE_WAKEUP);
	}
	bpf_loop(1 << 23, wait_a_moment, 0, 0);
	bpf_ringbuf_submit(elder, 0);
	return 0;
}

/* Takes room and gives it up again: readers must step over it. */
SEC("xdp")
int discard(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	void *record = ring ? bpf_ringbuf_reserve(ring, 24, 0) : 0;

	if (record)
		bpf_ringbuf_discard(record, 0);
	return 0;
}

/* One record of 1024 bytes, the first of them 0xab. */
SEC("xdp")
int emit_large(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	__u8 *record = ring ? bpf_ringbuf_reserve(ring, 1024, 0) : 0;

	if (!record)
		return 2;
	record[0] = 0xab;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
