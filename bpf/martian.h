/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sources that cannot be (RFC 1122 3.2.1.3, RFC 4291 2.5, RFC 6890), and IP hidden inside another
 * link layer, where a filter of ethertypes would not see it.
 */
#ifndef BW_MARTIAN_H
#define BW_MARTIAN_H

#include "frame.h"
#include "protocols.h"

enum wrapping_ethertype {
	WRAP_MPLS = 0x8847,
	WRAP_MPLS_MULTICAST = 0x8848,
	WRAP_PPPOE_DISCOVERY = 0x8863,
	WRAP_PPPOE = 0x8864,
};

static __always_inline int martian_mac(struct frame *f)
{
	__u8 *m = f->smac;

	return m[0] & 1 || !(m[0] | m[1] | m[2] | m[3] | m[4] | m[5]);
}

static __always_inline int martian_ethertype(struct frame *f)
{
	return f->flags & FRAME_WRAPPED_IP || f->ethertype == WRAP_PPPOE ||
	       f->ethertype == WRAP_PPPOE_DISCOVERY || f->ethertype == WRAP_MPLS ||
	       f->ethertype == WRAP_MPLS_MULTICAST;
}

/* A client that has no address yet (RFC 2131 4.1). */
static __always_inline int asks_for_lease(struct frame *f)
{
	return f->flags & FRAME_PORTS && f->proto == IPPROTO_UDP && f->sport == bpf_htons(68) &&
	       f->dport == bpf_htons(67);
}

static __always_inline int martian_v4(struct frame *f)
{
	__u32 src = bpf_ntohl(words(&f->src)[3]), dst = bpf_ntohl(words(&f->dst)[3]);
	__u32 net = src >> 24;

	if (dst >> 24 == 127 || dst >> 24 == 0)
		return 1;
	if (!src)
		return !asks_for_lease(f);
	return net == 0 || net == 127 || net >= 224;
}

/* Neighbour discovery before an address is known to be free (RFC 4861 4.3), and MLD (RFC 3810). */
static __always_inline int speaks_without_address(struct frame *f)
{
	if (!(f->flags & FRAME_PORTS) || f->proto != IPPROTO_ICMPV6)
		return 0;
	return f->icmp_type == 133 || f->icmp_type == 135 || f->icmp_type == 131 ||
	       f->icmp_type == 132 || f->icmp_type == 143;
}

/* 0: no such address; 1: ::, 2: ::1, 3: ::ffff:0:0/96 */
static __always_inline int special_v6(struct address *a)
{
	__be32 *w = words(a);

	if (w[0] || w[1])
		return 0;
	if (w[2])
		return w[2] == bpf_htonl(0xffff) ? 3 : 0;
	return w[3] == 0 ? 1 : w[3] == bpf_htonl(1) ? 2 : 0;
}

static __always_inline int martian_v6(struct frame *f)
{
	int source = special_v6(&f->src);

	if (special_v6(&f->dst) || source > 1 || f->src.byte[0] == 0xff)
		return 1;
	return source == 1 && !speaks_without_address(f);
}

static __always_inline int is_martian(struct frame *f)
{
	if (martian_mac(f) || martian_ethertype(f) || f->flags & FRAME_ARP_GROUP_SENDER)
		return 1;
	if (!f->family)
		return 0;
	if (address_equal(&f->src, &f->dst))
		return 1;
	return f->family == 4 ? martian_v4(f) : martian_v6(f);
}

#endif
