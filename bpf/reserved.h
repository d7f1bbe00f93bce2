/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 2: the multicast addresses that no bridge forwards (IEEE 802.1D table 7-10), which the wall
 * forwards to every other port where the node says so: the kernel bridge would discard them.
 */
#ifndef BW_RESERVED_H
#define BW_RESERVED_H

#include <linux/if_ether.h>
#include "frame.h"

static __always_inline int is_reserved(struct frame *f)
{
	__u8 *m = f->dmac;

	return m[0] == 0x01 && m[1] == 0x80 && m[2] == 0xc2 && !m[3] && !m[4] && m[5] < 0x10;
}

/*
 * Whether a frame is of the protocol that its address is reserved for. Anything else, IP above all, would
 * get past the matrix, to hosts that listen to that address.
 */
static __always_inline int is_of_reserved(struct frame *f)
{
	switch (f->dmac[5]) {
	case 0x00:
		return !!(f->flags & FRAME_BPDU);
	case 0x02:
		return f->ethertype == ETH_P_SLOW;
	case 0x03:
		return f->ethertype == ETH_P_PAE;
	case 0x0e:
		return f->ethertype == ETH_P_LLDP;
	}
	return 0;
}

/* The kernel hands a BPDU with a tag to the box's own stack, past the bridge's hooks. */
static __always_inline __u8 reserved_action(struct frame *f)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	if (!n || !is_of_reserved(f))
		return RESERVED_DROP;
	switch (f->dmac[5]) {
	case 0x00:
		if (n->bpdu == RESERVED_KERNEL && f->tag[0])
			return RESERVED_DROP;
		return n->bpdu;
	case 0x02:
		return n->lacp;
	case 0x03:
		return n->eapol;
	}
	return n->lldp;
}

static __always_inline int kernel_runs_stp(void)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	return n && n->bpdu == RESERVED_KERNEL;
}

#endif
