/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layouts of two nodes that share a wall: the role, and connections on their way to the other node.
 * What travels is format 1 of proto/bridgewall/v1/replication.proto: little endian, addresses and ports in network order.
 * Another layout there is another format. Included by layout.h.
 */
#ifndef BW_LAYOUT_HA_H
#define BW_LAYOUT_HA_H

enum role_flags {
	ROLE_STANDBY = 1,	/* nothing passes; unset where there is one node alone */
	ROLE_REPLICATES = 2,	/* a peer wants to know what changes (changes.h) */
};

/*
 * Map `role`, one element, one aligned 64-bit word: what this node is, and since which change of roles
 * of the pair. Whoever writes it does so by compare-and-swap: the packet path itself may yield.
 */
struct role {
	__u32 flags;		/* enum role_flags */
	__u32 epoch;
};

/*
 * A probe on a segment, after its Ethernet header; on the sync link the same is a UDP datagram. Numbers in
 * network order. docs/decisions/0032-probes.md tells the protocol.
 */
enum probe_wire {
	ETH_P_PROBE = 0x88b6,		/* IEEE 802 local experimental ethertype 2 */
	PROBE_MAGIC = 0x42574841,	/* "BWHA" */
	PROBE_VERSION = 1,
	PROBE_ASKS = 1,			/* kinds */
	PROBE_ANSWERS = 2,
	PROBE_SYNC = 2,			/* path: the sync link; else enum side */
	PROBE_KEYS = 2,			/* the one in use, and one that comes or goes */
	PROBE_QUIET_MS = 10,		/* unit of `quiet`; 255: for longer */
	PROBE_ALIVE_MS = 100,		/* a daemon that said nothing for so long is held for dead */
	PROBE_SPREAD_US = 20000,	/* probes on two ports of a side may overtake each other so far */
};

enum probe_flags {
	PROBE_READY = 1,	/* has the states of the pair */
	PROBE_FAULT = 2,	/* a side of it has no carrier */
	PROBE_YIELDING = 4,	/* is active, and would rather not be */
	PROBE_ATTENDED = 8,	/* its daemon runs */
};

struct probe {
	__be32 magic;
	__u8 version;
	__u8 kind;
	__u8 path;
	__u8 key;		/* number of the key that it is signed with */
	__be32 node;		/* who says it: the first bytes of SHA-256 of its name */
	__be16 priority;
	__u8 quiet[2];		/* by enum side: since a frame other than a probe came in from there */
	__be32 epoch;		/* of its role */
	__u8 role;		/* enum role_flags */
	__u8 flags;		/* enum probe_flags */
	__u8 hears;		/* bits by path: where it hears the other node */
	__u8 pad;
	__be64 life;		/* random; another one with every start of its daemon */
	__be64 counter;		/* of who asks: microseconds since 1970 that only grow */
	__be64 nonce;		/* of who asks: `life` */
	__be64 tag;		/* SipHash-2-4 of all before it, as its eight bytes are written, little endian */
};

/*
 * Map `pair`, one element: this node as it says of itself, and who the other one is. The daemon writes it,
 * its prober what it hears.
 */
struct pair {
	__u64 key[PROBE_KEYS][2];
	__u64 life;
	__u64 awake;		/* nanoseconds of the monotonic clock: the prober's last round */
	__u32 node;
	__u32 peer;		/* 0: there is no other node */
	__u16 priority;
	__u8 keys;		/* bits: those that count */
	__u8 first;		/* of two that are equal in all else, this node goes first */
	__u8 flags;		/* enum probe_flags */
	__u8 hears;
	__u8 quiet[2];
};

/* Map `heard`, by enum side: the other node there. `who`, `said`, `life`: words of its last probe. */
struct heard {
	__u64 at;		/* nanoseconds of the monotonic clock; 0: never */
	__u64 counter[PROBE_KEYS];	/* of the newest probe */
	__u64 answered;		/* the newest of our own that it answered */
	__u64 who;
	__u64 said;
	__u64 life;
	__u64 strange;		/* when a probe came while there was no key to check it with */
};

/* Map `probe_counters`, by port: of the newest probe. */
struct probe_counter {
	__u64 of[PROBE_KEYS];
};

/*
 * When a connection began says which one of its ends' it is: the epoch of roles in the upper 16 bits,
 * jiffies of the node that was active then in the rest. A later one is a greater number.
 */
enum born_bits {
	BORN_EPOCH_AT = 48,
};

/*
 * When a sender read its tables, as a number that grows: the epoch of roles in the upper 32 bits, the
 * sender's milliseconds in the lower. On the wire the lower half; the epoch is told with the batch.
 */
enum change_sizes {
	CHANGE_BUCKETS = 16384,		/* of digests */
	CLOSED_BUCKETS = 262144,
	IMPORT_BYTES = 131072,		/* of a batch */
};

enum change_kind_of {
	CHANGE_STATE4,		/* struct change4 */
	CHANGE_STATE,		/* struct change */
	CHANGE_END4,		/* struct end4 */
	CHANGE_END,		/* struct end */
	CHANGE_CHILD,		/* struct child_change */
	CHANGE_KINDS,
};

/* What is the same for both families. */
struct change_head {
	__u64 born;
	__u32 read;		/* sender's milliseconds */
	__u32 idle;		/* milliseconds since its last packet */
	__be16 low_port;
	__be16 high_port;
	__u16 tag[2];
	__u32 word;		/* enum state_bits, those that mean the same to the other node */
	__u8 proto;
	__u8 family;
	__u8 pad[2];
	__u32 end[2];		/* TCP: one past the last that each side sent */
	__u32 acked[2];
};

struct change4 {
	struct change_head head;
	__be32 low;
	__be32 high;
};

struct change {
	struct change_head head;
	struct address low;
	struct address high;
};

struct end_head {
	__u64 born;
	__u32 read;
	__be16 low_port;
	__be16 high_port;
	__u16 tag[2];
	__u8 proto;
	__u8 family;
	__u8 phase;		/* PHASE_DYING: it is over at once */
	__u8 pad;
};

struct end4 {
	struct end_head head;
	__be32 low;
	__be32 high;
};

struct end {
	struct end_head head;
	struct address low;
	struct address high;
};

/* For whose sake a connection is accepted that no rule allows (expect.h). */
struct child_change {
	struct state_key child;
	struct master master;
	__u32 pad;
};

/* Map `change_stats`, one element. */
struct change_stats {
	__u64 told;		/* records in the rings */
	__u64 lost;		/* for want of room: only digests will find them */
};

/* Map `adoption`, one element. */
struct adoption {
	__u32 since;		/* epoch of the cell at the last takeover; 0: there was none */
	__u32 pad;
	__u64 known_until;	/* jiffies: of who was silent then, the other node told how far it was */
};

/* Map `birthdays`, by epoch of roles modulo their number: what to add to a time of another clock. */
struct birthday {
	__u64 epoch;
	__s64 offset;		/* jiffies */
};

/* What a batch is, the context of `import_changes`, and what came of it. */
struct import_call {
	__u32 kind;		/* enum change_kind_of */
	__u32 count;
	__u32 epoch;		/* of the sender, when it read its tables */
	__u32 added;
	__u32 moved;		/* were there already, and are further on now */
	__u32 ended;
	__u32 stale;		/* older than what is here, or closed meanwhile */
	__u32 full;		/* no room in the table */
	__u32 bad;		/* make no sense */
	__u32 pad;
};

/* A MAC that the other node has learned, as it travels. */
struct taught {
	__u8 mac[6];
	__be16 tag[2];		/* as in struct fdb_key */
	__u8 side;		/* enum side */
	__u8 pad;
};

enum teach_ports {
	TEACH_MANY = 0xffff,
};

/* The context of `teach_addresses`, and what came of it. */
struct teach_call {
	__u32 count;
	__u32 ports[2];		/* by enum side: the only one of it, or TEACH_MANY */
	__u32 added;
	__u32 moved;		/* from another port */
	__u32 pad;
};

/* Map `bucket_pass`, one element: what a pass over buckets is to look at. */
struct bucket_pass {
	__u64 until;		/* began no later, as `born` counts */
	__u64 since;		/* jiffies: moved since then; 0: all */
	__u64 chosen[CHANGE_BUCKETS / 64];	/* bits of buckets */
	__u32 hit;
	__u32 pad;
};

/*
 * Map `touched`, one element: of what began or ended here since user space looked, when the earliest of each
 * bucket was born; 0: nothing did.
 */
struct touched {
	__u64 born[CHANGE_BUCKETS];
};

/* Map `digests`, one element. */
struct digests {
	__u64 of[CHANGE_BUCKETS];
};

#endif
