/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every layout that the packet path and the control plane share: map keys and values, records of
 * iterators and ring buffers, and the bits of a mark. TypeScript codecs are generated from the BTF
 * of these structs; nothing here is written twice.
 *
 * Addresses are 16 bytes in network order; IPv4 is held as ::ffff:a.b.c.d, so that one key type
 * serves both families (an IPv6 frame that carries such an address is a martian).
 * Times are jiffies (bpf_jiffies64), 64 bits wide.
 */
#ifndef BW_LAYOUT_H
#define BW_LAYOUT_H

#include <linux/types.h>
#include "reasons.h"

enum limits {
	MAX_PORTS = 64,
	MAX_TAGS = 2,
	GENERATION_SLOTS = 4,		/* current, previous, staged, and one to spare */
	MAX_DENY_LINES = 64,		/* one bit each of a deny mask */
	MAX_DYNAMIC_GROUPS = 32,	/* one bit each of a dynamic mask */
	MAX_SERVICE_CLASSES = 8192,
	MAX_ALTERNATIVES = 32,		/* of one entry of the matrix */
	SERVICE_PAGE = 64,		/* service codes in one value of a services map */
	OUTCOME_STRIDE = 128,		/* counters of one port */
	MAX_V4_LENGTHS = 32,
	MAX_V6_LENGTHS = 128,
	MEMBER_BATCH = 2048,		/* addresses that one call adds or removes */
	MEMBER_MARKS = 0x7fff,		/* marks of loads are from 1 to that */
};

struct address {
	__u8 byte[16];
} __attribute__((aligned(4)));

/* ---- ports and the node ------------------------------------------------------------------- */

enum side {
	SIDE_UPLINK,
	SIDE_INSIDE,
};

/* What the bridge does with a port: the kernel's BR_STATE_* (linux/if_bridge.h), and one of ours. */
enum port_state {
	PORT_DISABLED,		/* also: no port of the bridge at all */
	PORT_LISTENING,
	PORT_LEARNING,
	PORT_FORWARDING,
	PORT_BLOCKING,
	PORT_UNKNOWN,		/* nobody has looked yet */
};

/*
 * Map `port_list`: by port number; ifindex 0 is a free number. Map `ports`: who has which number, by
 * ifindex; what is mirrored from the kernel (state, carrier, MTU) is kept in `port_list` alone.
 */
struct port {
	__u32 ifindex;
	__u32 number;		/* 0 ... MAX_PORTS-1: index of counters and of the devmap */
	__u32 side;		/* enum side */
	__u32 flags;
	__u8 mac[6];
	__u8 state;		/* enum port_state */
	__u8 carrier;
	__u32 mtu;
	__u32 pad;
};

/*
 * Map `mirror`, one word each, in jiffies. Until MIRROR_UNTIL the mirrored facts are believed;
 * whoever mirrors them moves it on, two seconds at most from when it began to look. MACs learned
 * before MIRROR_SINCE count for nothing: the topology is another.
 */
enum mirror_word {
	MIRROR_UNTIL,
	MIRROR_SINCE,
	MIRROR_WORDS,
};

enum reserved_action {
	RESERVED_DROP,
	RESERVED_FORWARD,
	RESERVED_KERNEL,	/* BPDUs only: the kernel bridge runs STP */
};

/* Map `node`, one element: what node.yaml says to the packet path. */
struct node {
	__u64 self_bloom;	/* bit (mac[5] & 63) of every MAC in `self_macs` */
	__u32 log_rate;		/* records per second that may go to netfilter */
	__u32 fdb_quota;	/* MACs that one port may teach */
	__u8 bpdu;		/* enum reserved_action */
	__u8 lldp;
	__u8 lacp;
	__u8 eapol;
	__u8 liberal;		/* TCP segments out of window pass, and are counted */
	__u8 pad[3];
};

/* Map `self_macs`: the MACs of the bridge and of its ports; the value is 1. */
struct mac_key {
	__u8 mac[6];
	__u8 pad[2];
};

/* ---- policy --------------------------------------------------------------------------------- */

enum cell_flags {
	CELL_UNCONFIRMED = 1,	/* the generation judges until its deadline, then its fallback does */
};

/*
 * Map `cell`, one element, written as one aligned 64-bit word: the only thing that a switch of
 * policy, or its confirmation, writes. `epoch` moves with every switch and with every change of a
 * dynamic group that deny uses; a state judged under another epoch is judged again. It moves by
 * two: epoch + 1 is that of the fallback.
 */
struct cell {
	__u16 slot;
	__u16 flags;		/* enum cell_flags */
	__u32 epoch;
};

/* What an address is; the most specific prefix that holds it speaks. Inner maps of `addresses`. */
struct address_key {
	__u32 length;		/* prefix length of the 16-byte form: 96 + n for IPv4 */
	struct address address;	/* bits past length are zero */
};

struct address_class {
	__u32 host;		/* screened host id, 0: not screened */
	__u32 peer;		/* the combination of groups it is in */
	__u64 deny_from;	/* deny lines whose `from` holds it */
	__u64 deny_to;
};

/*
 * Service codes: one number for every service a packet can ask for. Inner maps of `services` are
 * arrays of pages of SERVICE_PAGE classes: class = page[code / SERVICE_PAGE].class[code % ...].
 */
enum service_code {
	SERVICE_TCP = 0,		/* + destination port */
	SERVICE_UDP = 0x10000,
	SERVICE_SCTP = 0x20000,
	SERVICE_ICMP = 0x30000,		/* + type */
	SERVICE_ICMP6 = 0x30100,
	SERVICE_PROTO = 0x30200,	/* + IP protocol, for all others */
	SERVICE_CODES = 0x30300,
};

struct service_page {
	__u16 class[SERVICE_PAGE];
};

/* Inner maps of `service_deny`, by service class: the deny lines whose services hold it. */
struct service_class {
	__u64 deny;
};

enum direction {
	DIRECTION_IN,		/* host = destination's host, peer = source's class */
	DIRECTION_OUT,		/* host = source's host, peer = destination's class */
	DIRECTION_TRANSIT,	/* host = source's class, peer = destination's class */
};

enum any_peer {
	PEER_ANY = 0xffffffff,
};

/* Inner maps of `matrix`. */
struct matrix_key {
	__u32 host;
	__u32 peer;		/* peer class, or PEER_ANY: at most two lookups */
	__u16 service;		/* service class */
	__u8 direction;		/* enum direction */
	__u8 pad;
};

enum matrix_flags {
	MATRIX_LOG = 1,		/* log the packet that opens a connection */
};

struct matrix_entry {
	__u32 rule;		/* rule slot, from 1; 0: only its alternatives allow anything */
	__u32 flags;		/* enum matrix_flags */
	__u32 first;		/* alternatives that are asked before, and their number */
	__u32 count;
	__u32 from;		/* all dynamic groups that they ask the source for */
	__u32 to;
};

/*
 * Inner maps of `alternatives`: rules for those who are in dynamic groups now. Those of one entry stand
 * one after the other, in the order of precedence; the first that holds both ends speaks.
 */
struct alternative {
	__u32 from;		/* the source is in one of these dynamic groups; 0: it need not */
	__u32 to;
	__u32 rule;		/* rule slot */
	__u32 flags;		/* enum matrix_flags */
};

enum generation_flags {
	GENERATION_POLICY = 1,		/* unset: no policy, everything is dropped */
	GENERATION_LOG_DROPS = 2,
};

/* Map `generations`, by slot. Written whole while its slot is out of use. */
struct generation {
	__u32 number;
	__u32 flags;
	__u64 deadline;			/* of the cell that is unconfirmed */
	__u32 fallback;			/* slot of the generation before: judges after the deadline */
	__u32 deny_dynamic;		/* dynamic groups that deny lines use */
	__u32 rule_dynamic;		/* dynamic groups that other lines use */
	__u32 pad;
	struct address_class v4;	/* of an address that no prefix holds */
	struct address_class v6;
	__u64 deny_all_services;	/* deny lines that name no service */
	__u64 dynamic_from[MAX_DYNAMIC_GROUPS];	/* deny lines whose `from` is that group */
	__u64 dynamic_to[MAX_DYNAMIC_GROUPS];
	__u32 deny_rule[MAX_DENY_LINES];	/* rule slot of each deny line */
	__u64 deny_log;			/* deny lines with `log` */
	__u32 v4_count;			/* distinct prefix lengths below, longest first */
	__u32 v6_count;
	__u8 v4_length[MAX_V4_LENGTHS];	/* as in address_key: 96 + n */
	__u8 v6_length[MAX_V6_LENGTHS];
};

/* ---- dynamic groups ------------------------------------------------------------------------- */

/*
 * Members of all dynamic groups, exact addresses: slot MEMBERS_NOW of the map `members` holds the
 * table (user space makes one of another size in MEMBERS_NEXT, and then puts it here). One element
 * per address says which groups it is in. The time of one of them is in there, too; for each further
 * group that an address is in for a limited time there is an element of its own.
 */
enum member_table {
	MEMBERS_NOW,
	MEMBERS_NEXT,
	MEMBERS_COUNT,
};

enum member_part {
	MEMBER_ITSELF = 0xffffffff,
};

struct member_key {
	struct address address;
	__u32 part;		/* MEMBER_ITSELF, or the group that the element tells the time of */
};

/*
 * Two words, each written as one, by one writer at a time. An element is never replaced: a packet
 * that has found it reads what is so now.
 */
struct member {
	__u64 groups;		/* low half: those it is in; high half: for a limited time */
	__u64 until;		/* enum member_until */
};

enum member_until {
	UNTIL_GROUP = 0x1f,		/* of `until`: the group that it tells the time of */
	UNTIL_MARK = 0xfffe0,		/* the load that named the address last */
	UNTIL_MARK_SHIFT = 5,
	UNTIL_FRESH = 0x100000,		/* that load put it into its group */
	UNTIL_TIME_SHIFT = 21,		/* jiffies from there on; 0: tells of no group */
};

enum change_kind {
	CHANGE_CHECK,		/* only whether the addresses may be members */
	CHANGE_ADD,
	CHANGE_REMOVE,
};

enum change_flags {
	CHANGE_SCREENED = 1,	/* screened hosts may be members */
	CHANGE_FRESH = 2,	/* what is new is the load's, and goes if that fails */
};

enum refusal {
	REFUSAL_NONE,
	REFUSAL_NEVER,		/* no source of a frame can have this address */
	REFUSAL_SCREENED,
	REFUSAL_GROUP_FULL,
	REFUSAL_TABLE_FULL,
	REFUSAL_MEMORY,
};

/* Context of change_members; the addresses are in `member_batch`. */
struct member_change {
	__u32 kind;		/* enum change_kind */
	__u32 flags;		/* enum change_flags */
	__u32 group;
	__u32 slot;		/* generation whose screened hosts count */
	__u32 width;		/* bytes of an address in `member_batch`: 4 or 16 */
	__u32 count;		/* addresses in `member_batch` */
	__u32 max;		/* members that the group may have */
	__u32 mark;		/* of the load; 0: none. Then `max` holds for those marked */
	__u64 until;		/* jiffies; 0: for good */
	__u32 marked;		/* goes up by those that the mark is new for */
	__u32 done;		/* answer: addresses that were dealt with before a refusal */
	__u32 changed;		/* answer: members that are new, or gone */
	__u32 refusal;		/* answer: enum refusal, of address number `done` */
};

enum sweep_kind {
	SWEEP_EXPIRED,		/* out of groups whose time is over */
	SWEEP_GROUPS,		/* out of `groups` */
	SWEEP_UNMARKED,		/* out of `groups`, unless the load `mark` named them */
	SWEEP_FRESH,		/* out of `groups` if the load `mark` put them there */
	SWEEP_MARKS,		/* nobody leaves: forget which load named whom */
};

/* Map `member_walk`, one element: what the iterators shall do, and what they did. */
struct member_walk {
	__u32 kind;		/* enum sweep_kind */
	__u32 groups;
	__u32 mark;
	__u32 failed;		/* answer: elements that could not be copied */
	__u64 removed;		/* answer */
	__u64 skipped;		/* of dump_members: strangers since it last wrote */
};

/* Map `member_counts`, one element. */
struct member_counts {
	__u64 next;		/* jiffies: no member's time is over before; all ones: none's ever is */
	__u32 members[MAX_DYNAMIC_GROUPS];	/* those that expired and were not swept included */
	__u32 mark;		/* of the load that began last */
	__u32 pad;
};

/* What dump_members writes: members of one group; the address is all zero in what is only filling. */
struct member_record {
	struct address address;
	__be32 left;		/* seconds; 0: for good */
};

/* ---- states --------------------------------------------------------------------------------- */

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
	PHASE_COUNT,
};

enum state_bits {
	STATE_PHASE = 0xff,		/* of `word` */
	STATE_ORIG_HIGH = 0x100,	/* the connection was opened by the higher address */
	STATE_LOW_SCREENED = 0x200,	/* that address may not come from the uplink */
	STATE_HIGH_SCREENED = 0x400,
	STATE_TRANSIT = 0x800,		/* rule_out is a transit line */
	STATE_FIN_HIGH = 0x1000,	/* the higher address sent the first FIN */
	STATE_LOW_TCP = 16,		/* shift: enum tcp_bits of the lower address */
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

/* What the iterator `dump_states` writes, one after the other. */
struct state_record {
	struct state_key key;
	__u32 established;	/* 1: from that table */
	struct state state;
	__u64 timeout;		/* jiffies until it expires */
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

/* ---- learned MACs --------------------------------------------------------------------------- */

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

/* ---- counters ------------------------------------------------------------------------------- */

/* Map `outcomes`, per CPU: index = port * OUTCOME_STRIDE + outcome. */
enum outcome {
	OUTCOME_RX,
	OUTCOME_FORWARDED,
	OUTCOME_PASSED,
	OUTCOME_ANSWERED,
	OUTCOME_TX_FAILED,	/* forwarded to this port, and not sent */
	OUTCOME_LOG_SUPPRESSED,	/* log records not made, over log_rate or with no way to carry them */
	OUTCOME_LIBERAL,	/* out of window, and passed: `liberal` of the node */
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

/* ---- marks ---------------------------------------------------------------------------------- */

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
};

struct xdp_meta {
	__u32 secret;		/* meta_secret of the wall that judged the frame */
	__u32 from;		/* ifindex of the port where it judged it */
	__u32 mark;
	__u32 ifindex;		/* MARK_SENT_LOG: where tc shall send the copy */
};

/* ---- answers and events --------------------------------------------------------------------- */

enum action {
	ACTION_DROP,
	ACTION_FORWARD,		/* to one port */
	ACTION_FLOOD,		/* the kernel bridge floods it */
	ACTION_EVERY_PORT,	/* reserved multicast: every other port */
};

enum verdict_flags {
	VERDICT_LOG = 1,		/* asks for a log record */
	VERDICT_NEW = 2,		/* opened a connection */
	VERDICT_SOURCE_SCREENED = 4,
	VERDICT_DESTINATION_SCREENED = 8,
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
	__u32 pad;
};

enum event_type {
	EVENT_MAC_MOVED = 1,	/* info: old port << 16 | new port; key.low: the MAC in bytes 0-5 */
	EVENT_TABLE_FULL,
	EVENT_STATE_CUT,	/* info: reason */
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

/* Passes over the live states (rejudge.h), and their elements of map `state_passes`. */
enum pass {
	PASS_COUNT,		/* count what the generation in a slot would refuse */
	PASS_CUT,		/* end what the generation of now refuses */
	PASS_KILL,		/* end what a filter matches */
	PASS_KINDS,
};

enum filter_field {
	FILTER_PROTO = 1,
	FILTER_PHASE = 2,
	FILTER_PORT = 4,	/* of either end */
	FILTER_VLAN = 8,	/* of either tag */
	FILTER_ADDRESS = 16,	/* either end, under a mask */
	FILTER_PICKED = 32,	/* either end is in map `picked` */
};

struct state_filter {
	__u32 fields;		/* enum filter_field: those that must match */
	__u16 port;		/* ICMP: identifier, or type */
	__u16 vlan;
	__u8 proto;
	__u8 phase;		/* enum phase */
	__u8 family;		/* of the address: 4 or 6 */
	__u8 pad;
	struct address address;	/* bits outside of the mask are zero */
	struct address mask;
};

struct state_pass {
	__u32 slot;		/* PASS_COUNT */
	struct state_filter filter;	/* PASS_KILL */
	__u64 live;		/* states that were looked at */
	__u64 hit;		/* counted, or ended */
	__u64 missed;		/* a packet moved it meanwhile: look again */
};

/* Map `sweep_stats`, one element: what the iterators saw since user space zeroed it. */
struct sweep_stats {
	__u64 seen;
	__u64 live;
	__u64 marked;
	__u64 deleted;
};

#endif
