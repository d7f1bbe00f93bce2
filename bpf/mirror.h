/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the packet path knows of the kernel's ports: the state that the bridge gave them (STP, or an
 * operator), carrier and MTU. The daemon mirrors them and holds a lease on it. Once that has lapsed
 * nothing of it is believed, nor what was learned, and every accepted frame goes, marked, through
 * the kernel bridge, which knows the truth: a frame that is redirected on stale facts can make a
 * loop.
 */
#ifndef BW_MIRROR_H
#define BW_MIRROR_H

#include <linux/if_ether.h>
#include "frame.h"

enum forwardable {
	FREE_TAG = 4,	/* the kernel lets a frame be longer than its MTU by one VLAN tag */
};

static __always_inline __u64 mirror_word(__u32 index)
{
	__u64 *word = bpf_map_lookup_elem(&mirror, &index);

	return word ? *(volatile __u64 *)word : 0;
}

/* Once per frame, so that it is judged by one answer. */
static __always_inline void enter_mirror(struct walk *w)
{
	w->believed = w->frame.state != PORT_UNKNOWN &&
		      (__s64)(mirror_word(MIRROR_UNTIL) - w->now) > 0;
}

/* For frames that the kernel bridge cannot carry in our stead: is nothing known against it? */
static __always_inline int port_open(struct walk *w, __u32 state)
{
	return !w->believed || state == PORT_FORWARDING || state == PORT_UNKNOWN;
}

/* Step 3: a frame from a port that the bridge would take nothing from. */
static __always_inline int port_shut(struct walk *w)
{
	return w->believed && w->frame.state != PORT_FORWARDING;
}

/*
 * May the frame leave by that port? A reason. A port without carrier is disabled as well; what the
 * operator has to know is the carrier.
 */
static __always_inline int judge_way_out(struct walk *w, struct port *p)
{
	if (!p->carrier)
		return REASON_CARRIER;
	if (p->state != PORT_FORWARDING)
		return REASON_STP;
	return w->frame.longest > p->mtu + ETH_HLEN + FREE_TAG ? REASON_MTU : REASON_NONE;
}

#endif
