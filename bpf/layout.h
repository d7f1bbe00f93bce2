/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every layout that the packet path and the control plane share: map keys and values, records of
 * visits and ring buffers, and the bits of a mark. TypeScript codecs are generated from the BTF
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

enum port_flags {
	PORT_SENDS_FRAGS = 1,	/* its driver sends frames of several buffers from a devmap */
	PORT_TAKES_FRAGS = 2,	/* it may bring such */
};

/*
 * Map `port_list`: by port number; ifindex 0 is a free number. Map `ports`: who has which number, by
 * ifindex; what is mirrored from the kernel (state, carrier, MTU, flags) is kept in `port_list` alone.
 */
struct port {
	__u32 ifindex;
	__u32 number;		/* 0 ... MAX_PORTS-1: index of counters and of the devmap */
	__u32 side;		/* enum side */
	__u32 flags;		/* enum port_flags */
	__u8 mac[6];
	__u8 state;		/* enum port_state */
	__u8 carrier;
	__u32 mtu;
	__u32 pad;
};

/*
 * Map `mirror`, one word each, in jiffies. Until MIRROR_UNTIL the mirrored facts are believed;
 * whoever mirrors them moves it on, two seconds at most from when it began to look. MACs learned
 * before MIRROR_SINCE count for nothing: the topology is another. Before MIRROR_SPEAKS the box says no
 * BPDUs of its own (gate.h).
 */
enum mirror_word {
	MIRROR_UNTIL,
	MIRROR_SINCE,
	MIRROR_SPEAKS,
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
	__u8 counters;		/* every connection is counted */
	__u8 pad[2];
};

/* Map `self_macs`: the MACs of the bridge and of its ports; the value is 1. */
struct mac_key {
	__u8 mac[6];
	__u8 pad[2];
};

#include "layout_policy.h"
#include "layout_members.h"
#include "layout_watch.h"
#include "layout_state.h"
#include "layout_detour.h"
#include "layout_ha.h"
#include "layout_report.h"

#endif
