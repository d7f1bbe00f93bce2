/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of two nodes that share a wall: the role. Included by layout.h. */
#ifndef BW_LAYOUT_HA_H
#define BW_LAYOUT_HA_H

enum role_flags {
	ROLE_STANDBY = 1,	/* nothing passes; unset where there is one node alone */
	ROLE_REPLICATES = 2,	/* a peer may want to know of what changes (changes.h) */
};

/*
 * Map `role`, one element, one aligned 64-bit word: what this node is, and since which change of roles
 * of the pair. Whoever writes it does so by compare-and-swap: the packet path itself may yield.
 */
struct role {
	__u32 flags;		/* enum role_flags */
	__u32 epoch;
};

#endif
