// SPDX-License-Identifier: GPL-2.0
/*
 * The bench's own programs: a source of frames, a sink that counts them, and what ours is compared
 * with in XDP and tc: a program that redirects and does nothing else.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

enum source_flags {
	VARY = 1,		/* every frame is another client's */
	BACK = 2,		/* to the client, not from it */
	TAGGED = 4,		/* IPv4 in a VLAN; a receiver may have moved what the frame begins with */
	STAMP = 8,		/* with the time of day in it: the sink says how old it was */
};

enum source_limits {
	GIVE_UP = 1 << 20,	/* attempts without a frame coming out: they are lost, count anew */
	VLAN_HLEN = 4,
	RENEWED = 20,		/* bytes that are written anew */
	STAMP_AT = 48,
	AGES = 16384,		/* of AGE_NS each, the last for all that are older */
	AGE_NS = 50,
};

/* What the source does; written by user space between runs. */
struct job {
	__u64 interval;		/* ns from burst to burst; 0: as the window lets it */
	__u32 burst;		/* frames */
	__u32 ifindex;		/* send here */
	__u32 flags;
	__u32 window;		/* frames that may be under way */
	__u32 limit;		/* frames in all; 0: any number */
	__u32 clients;		/* so many, in turn; 0: none comes twice */
	__u32 stride;		/* from one to the next */
	__u32 family;		/* 4 or 6 */
	__u32 client;		/* address of the first client; of IPv6 its last word */
	__u32 server;		/* likewise */
	__u32 servers;		/* so many, in turn */
	__u32 server_port;
	__u32 ip_sum;		/* of the IPv4 header without addresses and checksum */
	__u32 l4_sum;		/* of pseudo header and segment without those, the client's port and checksum */
	__u8 head[RENEWED];
	__u32 pad;
};

/* Each on a cache line of its own: one CPU counts what it sends, another what came out. */
struct count {
	__u64 frames;
	__u64 serial;		/* of the client */
	__u64 next;		/* when the next burst is due */
	__u32 left;		/* of this burst */
	__u32 total;		/* frames of this job */
	__u32 stalled;
	__u32 pad[7];
};

#define ARRAY(name_, entries_, value_type)                                                         \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries_);                                                     \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

ARRAY(jobs, 1, struct job);
ARRAY(sent, 1, struct count);
ARRAY(received, 1, struct count);
ARRAY(ages, AGES, __u64);
ARRAY(tc_out, 4, __u32);

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} out_ports SEC(".maps");

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

/* Who speaks to whom in this frame. */
struct ends {
	__u32 client;
	__u32 server;
	__u16 port;		/* the client's */
};

static __always_inline struct ends ends_of(struct job *job, __u64 serial)
{
	__u64 n = job->clients ? serial * job->stride % job->clients : serial;
	struct ends e = {
		.client = job->client + (__u32)(n & 0xffff),
		.server = job->server,
		.port = 1024 + (n >> 16) % 60000,
	};

	if (job->servers > 1)
		e.server += (__u32)(serial % job->servers);
	return e;
}

static __always_inline int write_ports(struct job *job, struct ends *e, __u8 proto, void *l4, void *end)
{
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;
	__u32 sum = job->l4_sum + words(e->client) + words(e->server) + e->port;

	if ((void *)(udp + 1) > end)
		return -1;
	/* Both, each at its place: of a place that is computed the verifier knows too little. */
	udp->source = bpf_htons(job->flags & BACK ? job->server_port : e->port);
	udp->dest = bpf_htons(job->flags & BACK ? e->port : job->server_port);
	if (proto == IPPROTO_UDP) {
		/* IPv4 does without. */
		udp->check = job->family == 6 ? checksum(sum) : 0;
		return 0;
	}
	if ((void *)(tcp + 1) > end)
		return -1;
	tcp->check = checksum(sum);
	return 0;
}

static __always_inline int write_v4(struct job *job, struct ends *e, void *l3, void *end)
{
	struct iphdr *ip = l3;
	int back = job->flags & BACK;

	if ((void *)(ip + 1) > end)
		return -1;
	ip->saddr = bpf_htonl(back ? e->server : e->client);
	ip->daddr = bpf_htonl(back ? e->client : e->server);
	ip->check = checksum(job->ip_sum + words(e->client) + words(e->server));
	return write_ports(job, e, ip->protocol, ip + 1, end);
}

static __always_inline int write_v6(struct job *job, struct ends *e, void *l3, void *end)
{
	struct ipv6hdr *ip = l3;
	int back = job->flags & BACK;

	if ((void *)(ip + 1) > end)
		return -1;
	ip->saddr.in6_u.u6_addr32[3] = bpf_htonl(back ? e->server : e->client);
	ip->daddr.in6_u.u6_addr32[3] = bpf_htonl(back ? e->client : e->server);
	return write_ports(job, e, ip->nexthdr, ip + 1, end);
}

/* Puts the next client into the frame; sums are kept right. */
static __always_inline int vary(struct xdp_md *ctx, struct job *job, __u64 serial)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ends e = ends_of(job, serial);

	if (job->family == 6)
		return write_v6(job, &e, data + ETH_HLEN, end);
	if (job->flags & TAGGED)
		return write_v4(job, &e, data + ETH_HLEN + VLAN_HLEN, end);
	return write_v4(job, &e, data + ETH_HLEN, end);
}

static __always_inline int renew(struct xdp_md *ctx, struct job *job)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + RENEWED > end)
		return -1;
	__builtin_memcpy(data, job->head, RENEWED);
	return 0;
}

static __always_inline int stamp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + STAMP_AT + sizeof(__u64) > end)
		return -1;
	*(__u64 *)(data + STAMP_AT) = bpf_ktime_get_ns();
	return 0;
}

/* Whether it is time for a frame. */
static __always_inline int is_due(struct job *job, struct count *out)
{
	__u64 now;

	if (!out->left) {
		now = bpf_ktime_get_ns();
		if (now < out->next)
			return 0;
		/* What was missed is not made up for. */
		out->next = (now - out->next > job->interval ? now : out->next) + job->interval;
		out->left = job->burst;
	}
	out->left--;
	return 1;
}

/* Whether few enough are under way that no queue on the path overflows. */
static __always_inline int has_room(struct job *job, struct count *out, struct count *in)
{
	__u64 back = *(volatile __u64 *)&in->frames;

	if ((__s64)(out->frames - back) >= (__s64)job->window) {
		if (++out->stalled < GIVE_UP)
			return 0;
		out->frames = back;
	}
	out->stalled = 0;
	return 1;
}

SEC("xdp")
int source(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &zero);
	struct count *out = bpf_map_lookup_elem(&sent, &zero);
	struct count *in = bpf_map_lookup_elem(&received, &zero);

	if (!job || !out || !in)
		return XDP_ABORTED;
	if (job->limit && out->total >= job->limit)
		return XDP_DROP;
	if (job->interval ? !is_due(job, out) : !has_room(job, out, in))
		return XDP_DROP;
	if ((job->flags & TAGGED) && renew(ctx, job))
		return XDP_ABORTED;
	if ((job->flags & VARY) && vary(ctx, job, out->serial))
		return XDP_ABORTED;
	if ((job->flags & STAMP) && stamp(ctx))
		return XDP_ABORTED;
	out->frames++;
	out->serial++;
	out->total++;
	return bpf_redirect(job->ifindex, 0);
}

static __always_inline void note_age(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 age, *count;
	__u32 index;

	if (data + STAMP_AT + sizeof(__u64) > end)
		return;
	age = (bpf_ktime_get_ns() - *(__u64 *)(data + STAMP_AT)) / AGE_NS;
	index = age < AGES ? age : AGES - 1;
	count = bpf_map_lookup_elem(&ages, &index);
	if (count)
		(*count)++;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &zero);
	struct count *in = bpf_map_lookup_elem(&received, &zero);

	if (job && (job->flags & STAMP))
		note_age(ctx);
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
