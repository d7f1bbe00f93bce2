/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 2: the multicast addresses that no bridge forwards (IEEE 802.1D table 7-10), which the wall
 * forwards to every other port where the node says so: the kernel bridge would discard them.
 */
#ifndef BW_RESERVED_H
#define BW_RESERVED_H

#include "frame.h"

static __always_inline int is_reserved(struct frame *f)
{
	__u8 *m = f->dmac;

	return m[0] == 0x01 && m[1] == 0x80 && m[2] == 0xc2 && !m[3] && !m[4] && m[5] < 0x10;
}

/*
 * The kernel hands everything for the bridges' group address that is no BPDU to the box's own
 * stack, past the bridge's hooks: only BPDUs are for it.
 */
static __always_inline __u8 reserved_action(struct frame *f)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	if (!n)
		return RESERVED_DROP;
	switch (f->dmac[5]) {
	case 0x00:
		if (n->bpdu == RESERVED_KERNEL && (!(f->flags & FRAME_BPDU) || f->tag[0]))
			return RESERVED_DROP;
		return n->bpdu;
	case 0x02:
		return n->lacp;
	case 0x03:
		return n->eapol;
	case 0x0e:
		return n->lldp;
	}
	return RESERVED_DROP;
}

static __always_inline int kernel_runs_stp(void)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	return n && n->bpdu == RESERVED_KERNEL;
}

#endif
