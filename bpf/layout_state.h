/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of connections, their windows and lifetimes, and of learned MACs. Included by layout.h. */
#ifndef BW_LAYOUT_STATE_H
#define BW_LAYOUT_STATE_H

/*
 * One connection, whichever way its packets go: `low` is the lower address of the two as bytes.
 * ICMP has no ports: low_port is the identifier, high_port the type of the request.
 * Tags: VLAN id, TAG_SERVICE for 802.1ad; 0 for none and for priority tags; outer first.
 */
enum tag_bits {
	TAG_VID = 0x0fff,
	TAG_SERVICE = 0x8000,
};

struct state_key {
	struct address low;
	struct address high;
	__be16 low_port;
	__be16 high_port;
	__u16 tag[2];
	__u8 proto;
	__u8 family;		/* 4 or 6 */
	__u8 pad[2];
};

enum phase {
	PHASE_NONE,
	PHASE_SYN_SENT,
	PHASE_SYN_RECV,
	PHASE_ESTABLISHED,
	PHASE_FIN_WAIT,
	PHASE_CLOSE_WAIT,
	PHASE_LAST_ACK,
	PHASE_TIME_WAIT,
	PHASE_CLOSE,
	PHASE_SYN_SENT2,	/* simultaneous open */
	PHASE_ONE_WAY,		/* not TCP: no answer yet */
	PHASE_BOTH_WAYS,	/* not TCP: answered */
	PHASE_DYING,		/* absent for packets; its slot is freed by a later pass */
	PHASE_MID_STREAM,	/* TCP without its handshake; both ends have not agreed yet */
	PHASE_COUNT,
};

enum state_bits {
	STATE_PHASE = 0xff,		/* of `word` */
	STATE_ORIG_HIGH = 0x100,	/* the connection was opened by the higher address */
	STATE_LOW_SCREENED = 0x200,	/* that address may not come from the uplink */
	STATE_HIGH_SCREENED = 0x400,
	STATE_TRANSIT = 0x800,		/* rule_out is a transit line */
	STATE_DETOUR = 0x8000,		/* its packets go through netfilter; judged anew each */
	STATE_FIN_HIGH = 0x1000,	/* the higher address sent the first FIN */
	STATE_COLOUR = 0x2000,		/* established: in which count it is (holders.h) */
	STATE_COUNTED = 0x40000000,	/* its packets are counted in `sessions` */
	STATE_PICKED_UP = 0x4000,	/* nobody saw its handshake (pick_up.h) */
	STATE_LOW_TCP = 16,		/* shift: enum tcp_bits of the lower address */
	STATE_RELATED = 0x80000000,	/* accepted for the sake of another one: map `children` */
	STATE_HIGH_TCP = 23,		/* shift: those of the higher one */
};

/*
 * What the SYN of a side said, seven bits of `word` each. All zero is what a state has whose SYNs
 * nobody saw: as good as the widest scaling that RFC 7323 knows.
 */
enum tcp_bits {
	TCP_SCALE = 0x0f,	/* 14 minus the shift of its windows */
	TCP_UNSCALED = 0x10,	/* it offered no scaling, so there is none either way */
	TCP_SACK = 0x20,	/* it permitted selective acknowledgements */
	TCP_KNOWN = 0x40,	/* it has spoken: its `end`, `window` and `acked` hold */
};

/*
 * How far one side of a TCP connection has come (window.h). Sequence numbers; every field but for
 * `window` is one past the last that is meant. They only grow, each by compare-and-swap.
 */
struct tcp_side {
	__u32 end;		/* it has sent up to here */
	__u32 limit;		/* the other side lets it send up to here */
	__u32 window;		/* bytes: the widest window that it has offered */
	__u32 acked;		/* it has acknowledged up to here; first, what follows the other's SYN */
};

/* Maps `pending` (LRU: half-open and one-way) and `established` (plain hash). 64 bytes, a cache
 * line's worth: whatever is added must not make two of them. */
struct state {
	__u64 seen;		/* last packet; at most a second stale */
	__u64 born;
	__u32 word;		/* enum state_bits; moved by compare-and-swap */
	__u32 epoch;		/* of the cell when it was last judged */
	__u32 rule_out;		/* rule slots; 0: none */
	__u32 rule_in;
	struct tcp_side tcp[2];	/* of the lower address, of the higher one */
};

/* What one end of a connection has sent; an aggregated frame counts as its segments. */
struct session_counter {
	__u64 packets;
	__u64 bytes;
};

/* Map `sessions`: of connections that are counted. Another one of the same ends is born later. */
struct session_key {
	struct state_key key;
	__u32 pad;
	__u64 born;
};

struct session {
	struct session_counter sent[2];	/* by the lower address, by the higher one */
	__u64 last;		/* last packet */
	__u32 phase;		/* after that */
	__u32 flags;		/* enum session_flags */
	__u32 why;		/* enum session_end: who ended it said so */
	__u32 word;		/* of the state, rules too: when it was opened, or last looked at */
	__u32 rule_out;
	__u32 rule_in;
};

enum session_flags {
	SESSION_TELL = 1,	/* its rule says `log: session` */
	SESSION_TOLD = 2,	/* its beginning was */
	SESSION_ENDED = 4,	/* its end was */
};

enum session_end {
	SESSION_LIVES,
	SESSION_CLOSED,		/* both ends said FIN */
	SESSION_RESET,
	SESSION_EXPIRED,
	SESSION_CUT,		/* the policy no longer allows it */
	SESSION_KILLED,		/* by an operator */
	SESSION_REPLACED,	/* by another connection of the same ends */
	SESSION_EVICTED,	/* half-open, and others needed the room */
};

/* Records of the ring buffer `session_ring`. */
struct session_record {
	struct state_key key;
	__u32 why;		/* enum session_end; SESSION_LIVES: it has begun */
	__u64 born;
	struct session session;
};

/* Map `session_stats`, one element. */
struct session_stats {
	__u64 opened;
	__u64 ended;
	__u64 held;		/* records that have to wait for room in the ring */
	__u64 lost;		/* connections of which no count was kept, for want of room */
};

/* What `dump_states` writes, one after the other. */
struct state_record {
	struct state_key key;
	__u32 established;	/* 1: from that table */
	struct state state;
	__u64 timeout;		/* jiffies until it expires */
	struct session_counter sent[2];	/* STATE_COUNTED */
};

/* Map `timeouts`, by phase and protocol class: jiffies. */
enum timeout {
	TIMEOUT_TCP = 0,	/* + enum phase */
	TIMEOUT_UDP = PHASE_COUNT,
	TIMEOUT_UDP_STREAM,
	TIMEOUT_ICMP,
	TIMEOUT_SCTP,
	TIMEOUT_SCTP_ESTABLISHED,
	TIMEOUT_OTHER,
	TIMEOUT_FDB,
	TIMEOUT_COUNT,
};

struct fdb_key {
	__u8 mac[6];
	__u16 tag[2];
	__u8 pad[2];
};

struct fdb_entry {
	__u64 seen;
	__u32 port;
	__u32 pad;
};

#endif
