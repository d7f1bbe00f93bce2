/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of an installed policy: the cell, a generation, and its maps. Included by layout.h. */
#ifndef BW_LAYOUT_POLICY_H
#define BW_LAYOUT_POLICY_H

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

/* Instead of a prefix length: one address in VLANs, by their ids, the outer one first. */
enum tagged_length {
	LENGTH_TAGGED = 0x80000000,
	LENGTH_OUTER_AT = 12,	/* shift */
};

/* What an address is; the most specific prefix that holds it speaks. Inner maps of `addresses`. */
struct address_key {
	__u32 length;		/* prefix length of the 16-byte form: 96 + n for IPv4; enum tagged_length */
	struct address address;	/* bits past length are zero */
};

enum class_flags {
	CLASS_TAGGED = 1,	/* screened, but only in VLANs that have elements of their own */
	CLASS_PORT = 2,		/* speaks from `port` alone */
	CLASS_MAC = 4,		/* speaks with `mac` alone */
	CLASS_BOUND = 8,	/* in some way */
};

enum bound_port {
	BOUND_NOWHERE = 0xff,	/* none that this node has */
};

struct address_class {
	__u32 host;		/* screened host id, 0: not screened */
	__u32 peer;		/* the combination of groups it is in */
	__u64 deny_from;	/* deny lines whose `from` holds it */
	__u64 deny_to;
	__u8 flags;		/* enum class_flags */
	__u8 port;		/* number */
	__u8 mac[6];
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
	MATRIX_LIMITED = 2,	/* `rule_limits` says how many its rule may open */
	MATRIX_SESSION = 4,	/* tell of its connections: when they begin and end, and their counts */
	MATRIX_DETOUR_AT = 16,	/* shift: enum detour_bits, what the rule asks for */
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

/* `count` in `seconds`, all of them at once after as long a silence; count 0: without a limit. */
struct rate {
	__u32 count;
	__u32 seconds;
};

/* What connections of one source, or to one host, may be. */
struct limit {
	struct rate rate;	/* new ones */
	__u32 states;		/* established at one time; 0: without a limit */
};

/* Inner maps of `rule_limits`, by rule slot: rules that do not let every connection through. */
struct rule_limit {
	struct rate rate;	/* new connections */
	struct limit host;	/* of an `in` rule: all connections to its host */
	struct address name;	/* by which `holders` knows the host: its first address */
	__u32 kind;		/* ... and which of the hosts that have it: enum holder_kind */
};

enum holder_kind {
	HOLDER_SOURCE,
	HOLDER_HOST,		/* of hosts in VLANs: as in address_key */
};

/* Map `holders` (holders.h). */
struct holder_key {
	struct address address;
	__u32 kind;		/* enum holder_kind */
};

struct holder {
	__u64 full_at;		/* of a host: what its rate has left (allowance.h) */
	__s32 states[2];	/* by colour: their sum is what it holds */
};

enum generation_flags {
	GENERATION_POLICY = 1,		/* unset: no policy, everything is dropped */
	GENERATION_LOG_DROPS = 2,
	GENERATION_SOURCES = 4,		/* sources have limits: every opening is measured */
	GENERATION_HOLDERS = 8,		/* somebody's states, or a host's rate, have a limit */
	GENERATION_ON_DROP = 16,	/* has `watches` */
	GENERATION_BOUND = 32,		/* some hosts may not speak from everywhere */
};

/* Map `generations`, by slot. Written whole while its slot is out of use. */
struct generation {
	__u32 number;
	__u32 flags;
	__u64 deadline;			/* of the cell that is unconfirmed */
	__u32 fallback;			/* slot of the generation before: judges after the deadline */
	__u32 deny_dynamic;		/* dynamic groups that deny lines use */
	__u32 rule_dynamic;		/* dynamic groups that other lines use */
	__u32 pickup;			/* seconds from `judging_since` on in which to pick up TCP */
	struct limit source;		/* of every source that is no screened host */
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

#endif
