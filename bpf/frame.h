/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A frame once parsed, and the scratch of one packet's walk. Everything after parsing works on
 * struct frame alone, so that XDP, tc and explain share every line of judgement.
 */
#ifndef BW_FRAME_H
#define BW_FRAME_H

#include <bpf/bpf_endian.h>
#include "layout.h"
#include "maps.h"

enum frame_flags {
	FRAME_FRAGMENT = 1,		/* IPv4 or IPv6 fragment (atomic ones are none) */
	FRAME_PORTS = 2,		/* the transport header was there and is whole */
	FRAME_SCTP_INIT = 4,
	FRAME_WRAPPED_IP = 8,		/* IP or ARP inside 802.3 SNAP */
	FRAME_ARP_GROUP_SENDER = 16,	/* ARP whose sender hardware address is a group address */
	FRAME_DRY = 32,			/* explain: change nothing */
	FRAME_BPDU = 64,		/* 802.3 with the LLC header of the spanning tree protocol */
	FRAME_TOPOLOGY_CHANGE = 128,	/* a BPDU that tells of one */
	FRAME_ERROR = 256,		/* ICMP error that quotes a packet */
	FRAME_QUOTE = 512,		/* ... and the quote could be read */
	FRAME_MORE = 1024,		/* fragment that is not the last */
	FRAME_ILL_FRAGMENT = 2048,	/* fragment of a length that cannot be */
	FRAME_UPPER = 4096,		/* what is above IP was reached, and its header is whole */
	FRAME_TCP_OPTIONS = 8192,	/* TCP options that are still to be read (tcp_options.h) */
	FRAME_PROBE = 16384,		/* the ethertype of probes, and no tag (probe.h) */
	FRAME_CLAIM = 32768,		/* ARP or ND that tells where an address is: `claim` */
};

/* What a TCP segment says of itself. */
struct segment {
	__u32 seq;
	__u32 ack;
	__u32 sack;		/* the highest edge it acknowledges: of its SACK blocks, else `ack` */
	__u32 payload;		/* bytes, of all segments of an aggregated frame */
	__u16 window;		/* as it stands in the header */
	__u16 options_at;	/* from the start of the frame's bytes */
	__u8 options;		/* bytes of options */
	__u8 bits;		/* of a SYN: enum tcp_bits */
	__u8 pad[2];
};

/* What ARP and neighbour discovery say of an address (bound.h). */
struct claim {
	struct address address;
	__u8 mac[6];		/* zero: nobody's, for they contradict themselves */
	__u8 named;		/* there is one */
	__u8 pad;
};

struct frame {
	struct address src;
	struct address dst;
	__u8 dmac[6];		/* MACs as on the wire */
	__u8 smac[6];
	__u16 tag[2];		/* as in state_key */
	__u16 ethertype;	/* host order, after the tags; below 0x600: 802.3 */
	__be16 sport;		/* ICMP: identifier */
	__be16 dport;
	__u8 family;		/* 4, 6, or 0: not IP */
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u16 flags;
	__u8 hop_limit;		/* IPv4: time to live */
	__u16 upper;		/* where the transport header begins, as on the wire */
	__u16 upper_length;	/* bytes of it and its payload, as IP says */
	__u16 fragment_offset;	/* bytes */
	__u16 fragment_length;	/* bytes of the datagram that it carries */
	__u16 fragment_before;	/* IPv6: where the fragment header stands */
	__u8 fragment_headers;	/* IPv6: how many there are */
	__u32 fragment_id;
	union {
		struct segment tcp;
		struct claim claim;
	};
	__u32 length;		/* bytes on the wire, all segments */
	__u32 segments;		/* frames on the wire: GRO hands tc many as one */
	__u32 headers;		/* bytes up to the payload: what every segment repeats */
	__u32 longest;		/* bytes on the wire of the longest segment */
	__u32 ifindex;
	__u32 port;
	__u32 side;
	__u32 state;		/* enum port_state, of its port */
};

/* The next header of IPv6 fragments is that of the first (RFC 8200 4.5): `proto` is 0 there. */
struct fragment_key {
	struct address src;
	struct address dst;
	__u32 id;
	__u16 tag[2];
	__u8 proto;
	__u8 family;
	__u8 pad[2];
};

/* A datagram whose first fragment was accepted (fragments.h). */
struct datagram {
	__u64 word;		/* enum fragment_word: what has come of it */
	__u64 seen;		/* when its first fragment came */
	__u32 epoch;		/* under which that was judged */
	__u32 side;		/* where it came from */
	__u32 rule_out;
	__u32 rule_in;
	__u32 rule_transit;
	__u32 seq;		/* of TCP: as if its header had sequence numbers, too */
	__be16 sport;
	__be16 dport;
	__u8 tcp;
	__u8 fin;
	__u8 detour;	/* enum detour_bits */
	__u8 pad;
};

/* What opens a connection: who, to whom, asking for what. */
struct flow {
	struct address src;
	struct address dst;
	struct address_class from;	/* what src and dst are; here, for stacks are small */
	struct address_class to;
	__u32 service;		/* enum service_code, or NO_SERVICE */
	__u32 slot;
	__u32 epoch;		/* of a packet: that of the cell; 0: of something else */
	__u16 tag[2];		/* as in state_key */
	__u8 family;
	__u8 pad[3];
};

enum moved_bits {
	MOVED_EDGES = 1,	/* window edges */
	MOVED_OUT = 2,		/* out of the phases that count (holders.h) */
};

enum no_service {
	NO_SERVICE = 0xffffffff,
};

enum tcp_option_sizes {
	TCP_OPTION_BYTES = 40,		/* at most: 15 words of header, less the 5 that are fixed */
	TCP_OPTION_ROOM = 72,		/* for reads that begin within the first 64 bytes */
};

/* As it lies in a frame; what lies before it has whole words follow. */
struct probe_frame {
	__u8 align[2];
	__u8 dmac[6];
	__u8 smac[6];
	__be16 ethertype;
	struct probe probe;
};

/* The compiler must forget what it knows of a number: it would join two bounds into one comparison of a
 * difference, or leave one out, and the verifier of 6.1 would lose them. */
#define KEEP_APART(n) asm volatile("" : "+r"(n))

enum header_sizes {
	PARSE_BYTES = 1024 + 64,	/* all that is ever read to parse a frame lies in these */
	HEADER_MASK = 2047,
	HEADER_ROOM = HEADER_MASK + 1 + 64,	/* what the verifier takes such a read to reach */
};

struct walk {
	struct frame frame;
	struct frame quote;	/* what an ICMP error quotes; FRAME_QUOTE of `frame`: is valid */
	struct verdict verdict;
	struct flow flow;
	struct state_key key;
	struct state state;
	struct event event;
	struct session_key session_key;
	struct session session;
	struct change change;	/* on their way to the other node */
	struct child_change child;
	__u64 counted_born;	/* VERDICT_COUNTED: which session the frame is of */
	__u32 counted_phase;
	__u64 now;
	__u32 epoch;
	__u32 from_high;	/* the frame's source is the key's higher address */
	__u32 quoted_seq;	/* TCP sequence number in `quote` */
	struct fragment_key fragment_key;
	struct datagram datagram;
	__u64 fragment_before;	/* word of the datagram before and after this frame; 0: */
	__u64 fragment_after;	/* there was none, nothing moved */
	__u32 may_open;		/* the frame is of a kind that opens a connection */
	__u32 reopens;		/* a SYN over a closed connection that still has its slot */
	__u32 moved;		/* enum moved_bits: what the frame did to its state */
	__u32 related;		/* accepted for the sake of `master` */
	struct expectation_key expected;
	struct master master;
	__u32 succeeds;		/* `state` would take the place of one that is established */
	__u32 kind;		/* enum walk_kind */
	__u32 tentative;	/* the generation may yet be taken back: refuse frames, cut no state */
	__u32 believed;		/* what is mirrored from the kernel may be believed */
	struct probe_frame probe;
	__u32 option_at;	/* reading position in `options` */
	__u8 options[TCP_OPTION_ROOM];
	__u32 copied;		/* bytes of the frame's beginning in `headers` */
	__u8 headers[HEADER_ROOM];
};

/* A test run is no softirq on every kernel: packets may come in the middle of it. */
enum walk_kind {
	WALK_PACKET,
	WALK_EXPLAIN,
	WALK_PASS,		/* over the states (rejudge.h) */
	WALK_IMPORT,		/* of what the other node tells (import.h) */
	WALK_KINDS,
};

PERCPU_MAP(walks, WALK_KINDS, struct walk);

/* The scratch of this CPU, for functions that are verified on their own. */
static __always_inline struct walk *walk_here(__u32 kind)
{
	return bpf_map_lookup_elem(&walks, &kind);
}

/* The same, made ready: BPF stacks are 512 bytes for the whole call chain. */
static __always_inline struct walk *walk_begin(__u32 kind)
{
	struct walk *w = walk_here(kind);

	if (w) {
		__builtin_memset(&w->frame, 0, sizeof(w->frame));
		__builtin_memset(&w->verdict, 0, sizeof(w->verdict));
		w->now = now_jiffies();
		w->fragment_before = 0;
		w->fragment_after = 0;
		w->may_open = 0;
		w->reopens = 0;
		w->succeeds = 0;
		w->related = 0;
		w->kind = kind;
	}
	return w;
}

static __always_inline void flow_in(struct flow *flow, __u16 *tag)
{
	flow->tag[0] = tag[0];
	flow->tag[1] = tag[1];
}

static __always_inline __be32 *words(struct address *a)
{
	return (__be32 *)a->byte;
}

static __always_inline void address_from_v4(struct address *a, __be32 v4)
{
	__be32 *w = words(a);

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = v4;
}

/*
 * In the scratch, and in frames, addresses are read and written as two words: what is written in small
 * pieces and read as a large one has to wait until it is in the cache. On the stack they may lie askew.
 */
static __always_inline __u64 *halves(void *address)
{
	return address;
}

static __always_inline void scratch_v4(struct address *a, __be32 v4)
{
	halves(a)[0] = 0;
	halves(a)[1] = (__u64)v4 << 32 | bpf_htonl(0xffff);
}

static __always_inline void scratch_copy(struct address *to, void *from)
{
	halves(to)[0] = halves(from)[0];
	halves(to)[1] = halves(from)[1];
}

/* Both MACs of a frame, whose first twelve bytes they are; no tags yet. */
static __always_inline void scratch_macs(struct frame *f, void *eth)
{
	__u64 *to = (__u64 *)f->dmac;

	to[0] = *(__u64 *)eth;
	to[1] = *(__u32 *)(eth + 8);
}

static __always_inline void address_copy(struct address *to, struct address *from)
{
	__be32 *t = words(to), *f = words(from);

	t[0] = f[0];
	t[1] = f[1];
	t[2] = f[2];
	t[3] = f[3];
}

/* The place of two words in a table of 2^(64 - shift) places. Fibonacci hashing: Knuth, TAOCP 6.4. */
static __always_inline __u32 place_of(__u64 a, __u64 b, __u32 shift)
{
	return ((a ^ (b << 1)) * 0x9e3779b97f4a7c15ULL) >> shift;
}

static __always_inline int address_equal(struct address *a, struct address *b)
{
	__be32 *x = words(a), *y = words(b);

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] &&
	       a[5] == b[5];
}

/* Order of addresses as bytes: is a above b? */
static __always_inline int address_above(struct address *a, struct address *b)
{
	__be32 *x = words(a), *y = words(b);

	if (x[0] != y[0])
		return bpf_ntohl(x[0]) > bpf_ntohl(y[0]);
	if (x[1] != y[1])
		return bpf_ntohl(x[1]) > bpf_ntohl(y[1]);
	if (x[2] != y[2])
		return bpf_ntohl(x[2]) > bpf_ntohl(y[2]);
	return bpf_ntohl(x[3]) > bpf_ntohl(y[3]);
}

#endif
