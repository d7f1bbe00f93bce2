/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of the detour through netfilter and of expected connections. Included by layout.h. */
#ifndef BW_LAYOUT_DETOUR_H
#define BW_LAYOUT_DETOUR_H

/* Map `detour`, one element: ifindexes of the side bridge's ports and of the bridge; 0: none. */
struct detour {
	__u32 in;		/* frames enter the side bridge by it */
	__u32 out;		/* and leave it by that */
	__u32 bridge;		/* the wall's own bridge: floods what knows no port */
	__u32 pad;
};

/* What the rule of a connection asks for: `detour` of a verdict and of a datagram. */
enum detour_bits {
	DETOUR_INSPECT = 1,	/* a consumer of NFQUEUE decides */
	DETOUR_OPEN = 2,	/* without one the frame passes */
	DETOUR_HELPER = 0xf0,	/* number of a helper, from 1 */
	DETOUR_HELPER_AT = 4,	/* shift */
};

/* Low bits of a mark of kind MARK_DETOUR or MARK_DETOUR_DONE. */
enum detour_mark {
	DETOUR_MARK_VID = 0xfff,
	DETOUR_MARK_HELPER_AT = 12,	/* shift: four bits */
	DETOUR_MARK_INSPECT = 0x10000,
	DETOUR_MARK_OPEN = 0x20000,
	DETOUR_MARK_PORT_AT = 18,	/* shift, six bits: number of the port that it came from */
};

/*
 * Map `expectations`: a connection that a helper has read out of another one. A port of 0 stands for
 * any, and so does a source of all zeros.
 */
struct expectation_key {
	struct address src;
	struct address dst;
	__be16 sport;
	__be16 dport;
	__u16 tag[2];
	__u8 proto;
	__u8 family;
	__u8 pad[2];
};

/* The connection for whose sake another is accepted. Map `children`: by the key of the other. */
struct master {
	struct state_key key;
	__u32 high;		/* STATE_ORIG_HIGH: the higher address opened it */
};

struct expectation {
	struct master master;
	__u32 taken;		/* EXPECTATION_TAKEN and the port of the one that came first */
	__u64 until;		/* jiffies */
};

enum expectation_bits {
	EXPECTATION_TAKEN = 0x10000,
};

#endif
