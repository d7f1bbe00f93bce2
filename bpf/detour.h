/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 8: the packets of a connection whose rule says `inspect` or `helper` go through netfilter, on
 * a side bridge of two ports: redirected into the one, past the hooks of IPv4 and IPv6
 * (br_netfilter), and out of the other, where detour_out sends them on to where they were going.
 * Nothing else is on that bridge. What does not bear the mark that only the wall's tables give ends
 * there: without tables, consumer or bridge nothing of such a connection passes.
 */
#ifndef BW_DETOUR_H
#define BW_DETOUR_H

#include <linux/pkt_cls.h>
#include "fdb.h"
#include "mirror.h"

static __always_inline struct detour *detour_here(void)
{
	__u32 zero = 0;
	struct detour *d = bpf_map_lookup_elem(&detour, &zero);

	return d && d->in ? d : NULL;
}

static __always_inline __u32 detour_in(void)
{
	struct detour *d = detour_here();

	return d ? d->in : 0;
}

/* A frame with that mark is received by where it is sent to. */
static __always_inline __u64 detour_flags(__u32 mark)
{
	return (mark & MARK_KIND) == MARK_DETOUR ? BPF_F_INGRESS : 0;
}

/* Instead of the way that forward() found. br_netfilter knows one VLAN tag, of 802.1Q. */
static __always_inline int take_detour(struct walk *w)
{
	if (!detour_here() || w->frame.tag[1] || w->frame.tag[0] & TAG_SERVICE)
		return REASON_NO_DETOUR;
	w->verdict.action = ACTION_DETOUR;
	return 0;
}

static __always_inline __u32 detour_mark(struct walk *w)
{
	__u32 asked = w->verdict.detour, mark = MARK_DETOUR | (w->frame.tag[0] & TAG_VID);

	mark |= (asked & DETOUR_HELPER) >> DETOUR_HELPER_AT << DETOUR_MARK_HELPER_AT;
	mark |= asked & DETOUR_INSPECT ? DETOUR_MARK_INSPECT : 0;
	mark |= asked & DETOUR_OPEN ? DETOUR_MARK_OPEN : 0;
	return mark | (w->frame.port & (MAX_PORTS - 1)) << DETOUR_MARK_PORT_AT;
}

static __always_inline __u32 detour_from(__u32 mark)
{
	return mark >> DETOUR_MARK_PORT_AT & (MAX_PORTS - 1);
}

/* The port behind which the frame's destination is known to be, and open; -1: the wall's bridge has
 * to find it. */
static __noinline int detour_port(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct walk *w = walk_begin(WALK_PACKET);
	struct frame *f;
	struct port *p;
	__u32 number;
	__s32 port;

	if (!w || (void *)(eth + 1) > (void *)(long)skb->data_end)
		return -1;
	f = &w->frame;
	__builtin_memcpy(f->dmac, eth->h_dest, 6);
	f->tag[0] = skb->mark & DETOUR_MARK_VID;
	f->state = PORT_FORWARDING;
	enter_mirror(w);
	port = w->believed ? fdb_port_of(w) : -1;
	if (port < 0)
		return -1;
	number = port;
	p = bpf_map_lookup_elem(&port_list, &number);
	return p && p->ifindex && p->carrier && p->state == PORT_FORWARDING ? port : -1;
}

/* At the egress of the side bridge's second port. */
SEC("tc")
int detour_out(struct __sk_buff *skb)
{
	struct detour *d = detour_here();
	__u32 mark = skb->mark, port;
	struct port *p;
	int known;

	if (!d || (mark & MARK_KIND) != MARK_DETOUR_DONE)
		return TC_ACT_SHOT;
	if (mark >> DETOUR_MARK_HELPER_AT & 0xf) {
		/* What the helper expects by now is in the map before the frame goes on. */
		skb->mark = MARK_EXPECT | (mark & DETOUR_MARK_VID);
		bpf_clone_redirect(skb, d->in, 0);
		skb->mark = mark;
	}
	known = detour_port(skb);
	if (known < 0)
		return bpf_redirect(d->bridge, 0);
	port = known;
	if (port == detour_from(mark))
		return TC_ACT_SHOT;
	p = bpf_map_lookup_elem(&port_list, &port);
	if (!p)
		return TC_ACT_SHOT;
	skb->mark = MARK_ACCEPT;
	return bpf_redirect(p->ifindex, 0);
}

/* At the egress of the first port: nothing leaves there. A copy that ends here is looked at on its
 * way out of memory (expected.h). */
SEC("tc")
int detour_end(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

#endif
