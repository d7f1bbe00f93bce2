/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of counters, marks, verdicts, events, and passes over states. Included by layout.h. */
#ifndef BW_LAYOUT_REPORT_H
#define BW_LAYOUT_REPORT_H

/* Map `outcomes`, per CPU: index = port * OUTCOME_STRIDE + outcome. */
enum outcome {
	OUTCOME_RX,
	OUTCOME_FORWARDED,
	OUTCOME_PASSED,
	OUTCOME_ANSWERED,
	OUTCOME_TX_FAILED,	/* forwarded to this port, and not sent */
	OUTCOME_LOG_SUPPRESSED,	/* log records not made, over log_rate or with no way to carry them */
	OUTCOME_LIBERAL,	/* out of window, and passed: `liberal` of the node */
	OUTCOME_PICKED_UP,	/* no frames: connections that were picked up mid-stream */
	OUTCOME_DROP = 16,	/* + enum reason */
};

struct outcome_counter {
	__u64 packets;
	__u64 bytes;
};

/* Map `rule_counters`, per CPU, by rule slot. */
struct rule_counter {
	__u64 packets;
	__u64 bytes;
	__u64 connections;
	__u64 last;		/* jiffies of the last packet */
};

/*
 * The verdict as netfilter sees it, in skb->mark. XDP cannot set a mark: it puts struct xdp_meta
 * before the frame, and the tc program turns that into the mark.
 */
enum mark_bits {
	MARK_KIND = 0xff000000,
	MARK_ACCEPT = 0xb1000000,	/* flood it */
	MARK_ACCEPT_LOG = 0xb2000000,	/* log and flood it; low 24 bits: rule slot */
	MARK_DROP_LOG = 0xb3000000,	/* log and drop it; bits 0-7 reason, 8-15 deny line */
	MARK_SENT_LOG = 0xb4000000,	/* a copy was sent already: log and drop this one; rule slot */
	MARK_DETOUR = 0xb5000000,	/* on the side bridge; low 24 bits: enum detour_mark */
	MARK_DETOUR_DONE = 0xb6000000,	/* all that was asked for was done; the same bits */
	MARK_EXPECT = 0xb7000000,	/* a copy that shows what its helper expects; the VLAN id */
};

struct xdp_meta {
	__u32 secret;		/* meta_secret of the wall that judged the frame */
	__u32 from;		/* ifindex of the port where it judged it */
	__u32 mark;
	__u32 ifindex;		/* where tc shall send it, MARK_SENT_LOG: a copy; 0: nowhere */
	__u32 copy;		/* and with which mark */
};

enum action {
	ACTION_DROP,
	ACTION_FORWARD,		/* to one port */
	ACTION_FLOOD,		/* the kernel bridge floods it */
	ACTION_EVERY_PORT,	/* reserved multicast: every other port */
	ACTION_DETOUR,		/* through netfilter, on the side bridge */
	ACTION_ANSWER,		/* a probe: the answer goes back where it came from */
	ACTION_HEARD,		/* an answer to a probe: it ends here */
};

enum verdict_flags {
	VERDICT_LOG = 1,		/* asks for a log record */
	VERDICT_NEW = 2,		/* opened a connection */
	VERDICT_SOURCE_SCREENED = 4,
	VERDICT_DESTINATION_SCREENED = 8,
	VERDICT_LIMITED = 16,		/* it takes an allowance to open this */
	VERDICT_SESSION = 32,		/* a rule of it says `log: session` */
	VERDICT_COUNTED = 64,		/* of a connection that is counted */
	VERDICT_WATCHED = 128,		/* a drop that may count, or a handshake completed (watch.h) */
};

/* Whose allowance, in the order in which they are asked. */
enum allowance_of {
	ALLOWANCE_NONE,
	ALLOWANCE_OUT,		/* of the out rule, or the transit line */
	ALLOWANCE_IN,
	ALLOWANCE_HOST,
	ALLOWANCE_SOURCE,
	ALLOWANCE_COUNT,
};

/* The verdict on one frame; `explain_wall` writes it over the start of its test frame. */
struct verdict {
	__u32 action;		/* enum action */
	__u32 reason;		/* enum reason */
	__u32 out_port;
	__u32 generation;
	__u32 rule_out;		/* rule slots; 0: none */
	__u32 rule_in;
	__u32 rule_transit;
	__u32 rule_deny;
	__u32 deny_line;
	__u32 phase;		/* of its state, before the frame; PHASE_NONE: a miss */
	__u32 flags;		/* enum verdict_flags */
	__u32 detour;		/* enum detour_bits */
	__u32 limit;		/* enum allowance_of: what REASON_RATE or REASON_LIMIT is about */
};

enum event_type {
	EVENT_MAC_MOVED = 1,	/* info: old port << 16 | new port; key.low: the MAC in bytes 0-5 */
	EVENT_TABLE_FULL,
	EVENT_STATE_CUT,	/* info: reason */
	EVENT_DROPS,		/* the key's `low` had too many: watch.h */
};

/* Records of the ring buffers `events`, one buffer per CPU. */
struct event {
	__u64 time;
	__u32 type;
	__u32 port;
	__u32 info;
	__u32 epoch;
	struct state_key key;
	__u8 pad[4];
};

/* Passes over the live states (rejudge.h, listing.h), and their elements of map `state_passes`. */
enum pass {
	PASS_COUNT,		/* count what the generation in a slot would refuse */
	PASS_CUT,		/* end what the generation of now refuses */
	PASS_KILL,		/* end what a filter matches */
	PASS_LIST,		/* list or count what a filter matches */
	PASS_KINDS,
};

enum filter_field {
	FILTER_PROTO = 1,
	FILTER_PHASE = 2,
	FILTER_VLAN = 4,	/* of either tag */
	FILTER_FAMILY = 8,
	FILTER_RULE = 16,	/* one of its rules is in that slot */
	FILTER_HALF = 32,
	FILTER_OLDER = 64,	/* born so long ago, at least */
	FILTER_YOUNGER = 128,	/* later than that */
	FILTER_IDLE = 256,	/* its last packet was so long ago, at least */
	FILTER_EXPIRES = 512,	/* within that time, if nothing more is seen */
	FILTER_NO_ROWS = 1024,	/* it only counts */
};

enum filter_half {
	HALF_OUT,
	HALF_IN,
	HALF_TRANSIT,
};

enum end_field {
	END_PORT = 1,		/* ICMP: identifier, or type */
	END_ADDRESS = 2,	/* under a mask */
	END_PICKED = 4,		/* one of these bits is in its element of map `picked` */
};

/* What a filter asks of an end of a connection. */
struct end_filter {
	struct address address;	/* bits outside of the mask are zero */
	struct address mask;
	__u32 picked;
	__u16 port;
	__u8 family;		/* of the address: 4 or 6 */
	__u8 fields;		/* enum end_field: those that must match */
};

enum filter_end {
	FILTER_EITHER,		/* each of its fields at either end */
	FILTER_SOURCE,		/* the end that opened the connection */
	FILTER_DESTINATION,
	FILTER_ENDS,
};

struct state_filter {
	struct end_filter end[FILTER_ENDS];
	__u32 fields;		/* enum filter_field: those that must match */
	__u32 rule;
	__u16 vlan;
	__u8 proto;
	__u8 phase;		/* enum phase */
	__u8 family;
	__u8 half;		/* enum filter_half */
	__u8 pad[2];
	__u64 older;		/* jiffies, as those that follow */
	__u64 younger;
	__u64 idle;
	__u64 expires;
};

struct state_pass {
	__u32 slot;		/* PASS_COUNT */
	__u32 pad;
	struct state_filter filter;	/* PASS_KILL, PASS_LIST */
	__u64 live;		/* states that were looked at */
	__u64 hit;		/* counted, listed, or ended */
	__u64 missed;		/* a packet moved it meanwhile: look again */
};

enum row_flags {
	ROW_TRANSIT = 1,	/* rule_out is a transit line */
	ROW_PICKED_UP = 2,	/* nobody saw its handshake */
	ROW_COUNTED = 4,	/* `sent` and `received` hold */
};

/* What one end of a connection has sent. */
struct row_traffic {
	__be64 packets;
	__be64 bytes;
};

/* What `list_states` writes, and the API hands on as it is: see StateDumpResponse in node.proto. */
struct state_row {
	struct address source;	/* the end that opened it */
	struct address destination;
	__be16 source_port;	/* ICMP: identifier */
	__be16 destination_port;	/* ICMP: type of the request */
	__be16 vlan[2];		/* outer tag first; 0: none */
	__u8 proto;
	__u8 phase;
	__u8 flags;		/* enum row_flags */
	__u8 pad;
	__be32 age;		/* seconds, as those that follow */
	__be32 idle;
	__be32 left;		/* rounded up */
	__be32 rule_out;	/* rule slots; 0: none */
	__be32 rule_in;
	struct row_traffic sent;	/* by the end that opened it */
	struct row_traffic received;
};

/*
 * Map `sweep_due`, one word, in jiffies: no state of `established` that was put there or changed its
 * phase since user space set it to the end of time wants a pass before (sweep.h).
 */

/* Map `sweep_stats`, one element: what visits saw since user space zeroed it. */
struct sweep_stats {
	__u64 seen;
	__u64 live;
	__u64 marked;
	__u64 deleted;
	__u64 next;		/* jiffies: what is left wants no other pass before */
	__u64 late;		/* jiffies from the end of a state to its mark, at most */
};

/* A slice that a pass goes through (visit.h): packed keys, values and records, each from its offset on. */
enum visit_sizes {
	VISIT_SLICES = 4,
	VISIT_MOST = 1024,		/* elements of a slice */
	VISIT_KEY = 56,			/* bytes, of the largest of each */
	VISIT_VALUE = 64,
	VISIT_RECORD = 152,
	VISIT_VALUES_AT = VISIT_MOST * VISIT_KEY,
	VISIT_RECORDS_AT = VISIT_VALUES_AT + VISIT_MOST * VISIT_VALUE,
	VISIT_SLICE = VISIT_RECORDS_AT + VISIT_MOST * VISIT_RECORD,
};

/* Which of the tables that a program goes over. */
enum visit_table {
	VISIT_TABLE,		/* the only one, or `established` */
	VISIT_PENDING,
};

/* The context of a program that visits. */
struct visit_call {
	__u32 slice;
	__u32 count;		/* elements in it */
	__u32 table;		/* enum visit_table */
	__u32 written;		/* 0; answer: bytes of records */
};

#endif
