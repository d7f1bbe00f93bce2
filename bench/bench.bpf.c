// SPDX-License-Identifier: GPL-2.0
/*
 * The bench's own programs: a source of frames, a sink that counts them, and what ours is compared
 * with in XDP and tc: a program that redirects and does nothing else.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

enum source_flags {
	FRESH = 1,		/* every frame from another source */
	GIVE_UP = 1 << 20,	/* attempts without a frame coming out: they are lost, count anew */
};

/* What the source does; written by user space between runs. */
struct job {
	__u32 ifindex;		/* send here */
	__u32 flags;
	__u32 window;		/* frames that may be under way */
	__u32 source;		/* first source address */
	__u32 destination;	/* first destination address */
	__u32 destinations;	/* so many, in turn */
	__u32 ip_sum;		/* of the header without addresses and checksum */
	__u32 l4_sum;		/* of pseudo header and segment without addresses, source port and checksum */
};

/* Each on a cache line of its own: one CPU counts what it sends, another what came out. */
struct count {
	__u64 frames;
	__u64 serial;		/* frames ever sent: no source comes twice */
	__u32 stalled;
	__u32 pad[11];
};

#define ONE(name_, value_type)                                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

ONE(jobs, struct job);
ONE(sent, struct count);
ONE(received, struct count);

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} out_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} tc_out SEC(".maps");

static __always_inline __be16 checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return bpf_htons((__u16)~sum);
}

static __always_inline __u32 words(__u32 x)
{
	return (x >> 16) + (x & 0xffff);
}

/* Another source address each time, and another port once those are used up; sums kept right. */
static __always_inline int make_fresh(struct xdp_md *ctx, struct job *job, __u64 serial)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 source = job->source + (__u32)(serial & 0xffff), destination = job->destination;
	__u16 port = 1024 + (serial >> 16) % 60000;

	if ((void *)(tcp + 1) > end)
		return -1;
	if (job->destinations > 1)
		destination += (__u32)(serial % job->destinations);
	ip->saddr = bpf_htonl(source);
	ip->daddr = bpf_htonl(destination);
	ip->check = checksum(job->ip_sum + words(source) + words(destination));
	udp->source = bpf_htons(port);
	if (ip->protocol == IPPROTO_TCP)
		tcp->check = checksum(job->l4_sum + words(source) + words(destination) + port);
	else
		udp->check = 0;
	return 0;
}

/* Sends while few enough frames are under way that no queue on the path overflows. */
SEC("xdp")
int source(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &zero);
	struct count *out = bpf_map_lookup_elem(&sent, &zero);
	struct count *in = bpf_map_lookup_elem(&received, &zero);
	__u64 back;

	if (!job || !out || !in)
		return XDP_ABORTED;
	back = *(volatile __u64 *)&in->frames;
	if ((__s64)(out->frames - back) >= (__s64)job->window) {
		if (++out->stalled < GIVE_UP)
			return XDP_DROP;
		out->frames = back;
	}
	out->stalled = 0;
	if ((job->flags & FRESH) && make_fresh(ctx, job, out->serial))
		return XDP_ABORTED;
	out->frames++;
	out->serial++;
	return bpf_redirect(job->ifindex, 0);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct count *in = bpf_map_lookup_elem(&received, &zero);

	if (in)
		in->frames++;
	return XDP_DROP;
}

SEC("xdp")
int bare_xdp(struct xdp_md *ctx)
{
	return bpf_redirect_map(&out_ports, 0, 0);
}

SEC("tc")
int bare_tc(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u32 *ifindex = bpf_map_lookup_elem(&tc_out, &zero);

	return bpf_redirect(ifindex ? *ifindex : 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
