/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last layer, at tc egress of every port: what leaves by a port carries the mark of an accepted
 * frame, whatever became of the nft tables and of the programs that should have judged it. A frame
 * that is only to be logged and dropped depends on the tables to be dropped; here it ends without
 * them. Frames that XDP redirects were judged in the same breath and do not pass here.
 *
 * What the box itself may say is one thing: its own BPDUs, where the kernel bridge runs STP. Of a pair
 * the active node alone does. A switch that heard of the same root from both would block the way through
 * one of them; one that hears nothing of the standby keeps that way open, and nothing goes round, since a
 * standby passes nothing. Nor does a node say any right after it took over: what the other one said last still
 * counts at the switches, until its time is up.
 */
#ifndef BW_GATE_H
#define BW_GATE_H

#include <linux/pkt_cls.h>
#include "detour.h"
#include "parse.h"
#include "mirror.h"
#include "reserved.h"
#include "role.h"

static __always_inline int is_own_bpdu(struct __sk_buff *skb)
{
	const __u8 group[6] = {0x01, 0x80, 0xc2};
	struct ethhdr *eth = (void *)(long)skb->data;
	__u8 *llc = (void *)(eth + 1);
	__u32 ifindex = skb->ifindex;
	struct port *p;

	if (skb->vlan_present || (void *)(llc + 3) > (void *)(long)skb->data_end)
		return 0;
	if (!same_mac(eth->h_dest, group) || bpf_ntohs(eth->h_proto) >= ETH_P_802_3_MIN)
		return 0;
	if (llc[0] != LLC_BPDU || llc[1] != LLC_BPDU || llc[2] != LLC_UI)
		return 0;
	p = bpf_map_lookup_elem(&ports, &ifindex);
	return p && same_mac(eth->h_source, p->mac);
}

/* From the detour by the wall's bridge, which floods it to the port that it came from, too. */
static __always_inline int came_from_here(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct port *p = bpf_map_lookup_elem(&ports, &ifindex);

	return !p || p->number == detour_from(skb->mark);
}

static __always_inline int may_say_bpdus(void)
{
	return kernel_runs_stp() && !is_standby() &&
	       (__s64)(now_jiffies() - mirror_word(MIRROR_SPEAKS)) >= 0;
}

SEC("tc")
int gate_wall(struct __sk_buff *skb)
{
	__u32 kind = skb->mark & MARK_KIND;

	if (kind == MARK_ACCEPT || kind == MARK_ACCEPT_LOG)
		return TC_ACT_UNSPEC;
	if (kind == MARK_DETOUR_DONE && !came_from_here(skb))
		return TC_ACT_UNSPEC;
	return may_say_bpdus() && is_own_bpdu(skb) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

#endif
