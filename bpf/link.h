/* SPDX-License-Identifier: GPL-2.0 */
/* Step 4: what is judged by the link layer alone, without states and without the matrix. */
#ifndef BW_LINK_H
#define BW_LINK_H

#include <linux/if_ether.h>
#include "frame.h"
#include "parse_claim.h"
#include "protocols.h"

enum link_decision {
	LINK_GOES_ON = -1,	/* IP: to states and matrix */
	LINK_PASSES = 0,	/* REASON_NONE; any other value is the reason of a drop */
};

static __always_inline int to_group(struct frame *f)
{
	return f->family == 4 ? f->dst.byte[12] >> 4 == 0xe : f->dst.byte[0] == 0xff;
}

enum link_hop_limit {
	ND_HOP_LIMIT = 255,	/* RFC 4861 6.1, 7.1: no router has had it in its hands */
	MLD_HOP_LIMIT = 1,	/* RFC 2710 3, RFC 3810 5: no router passes it on */
};

static __always_inline int judge_discovery(struct frame *f)
{
	return f->hop_limit == ND_HOP_LIMIT ? LINK_PASSES : REASON_OFF_LINK;
}

/* Membership is told to groups: sent to one host, it would be a way around the matrix. */
static __always_inline int judge_membership(struct frame *f)
{
	__be32 *src = words(&f->src);
	int local = (src[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);

	if (!to_group(f))
		return LINK_GOES_ON;
	/* Without an address yet: what may be said so is martian.h's. */
	if (!(src[0] | src[1] | src[2] | src[3]))
		local = 1;
	return local && f->hop_limit == MLD_HOP_LIMIT ? LINK_PASSES : REASON_OFF_LINK;
}

static __always_inline int judge_icmp6_link(struct frame *f)
{
	switch (f->icmp_type) {
	case ND_REDIRECT:
		return REASON_ICMP_REDIRECT;
	case ND_ROUTER_ADVERT:
		return f->side == SIDE_UPLINK ? judge_discovery(f) : REASON_RA_GUARD;
	case ND_ROUTER_SOLICIT:
	case ND_NEIGHBOUR_SOLICIT:
	case ND_NEIGHBOUR_ADVERT:
		return judge_discovery(f);
	case MLD_QUERY:
	case MLD_REPORT:
	case MLD_DONE:
	case MLD2_REPORT:
		return judge_membership(f);
	}
	return LINK_GOES_ON;
}

/* An enum link_decision, or the reason of a drop. */
static __always_inline int judge_link(struct frame *f)
{
	if (f->ethertype == ETH_P_ARP)
		return LINK_PASSES;
	if (!f->family)
		return REASON_ETHERTYPE;
	if (f->flags & FRAME_FRAGMENT)
		return LINK_GOES_ON;
	if (f->family == 4) {
		if (f->proto == IPPROTO_IGMP)
			return to_group(f) ? LINK_PASSES : LINK_GOES_ON;
		if (f->proto == IPPROTO_ICMP && f->icmp_type == 5)
			return REASON_ICMP_REDIRECT;
		return LINK_GOES_ON;
	}
	return f->proto == IPPROTO_ICMPV6 ? judge_icmp6_link(f) : LINK_GOES_ON;
}

/* Addressed to the bridge or one of its ports. The bloom word saves most lookups. */
static __always_inline int is_self(struct frame *f)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);
	struct mac_key key = {};

	if (!n || !(n->self_bloom >> (f->dmac[5] & 63) & 1))
		return 0;
	__builtin_memcpy(key.mac, f->dmac, 6);
	return bpf_map_lookup_elem(&self_macs, &key) != NULL;
}

#endif
