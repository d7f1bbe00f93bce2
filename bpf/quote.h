/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The packet that an ICMP error quotes (RFC 792, RFC 1812 4.3.2.3, RFC 4443 2.4), as far as it takes
 * to name its connection: addresses, protocol, and the first eight bytes of its transport header.
 * Quotes are cut short, and may be padded (RFC 4884): what the quoted packet says of its length must
 * hold what it promises, and need not agree with what is there.
 */
#ifndef BW_QUOTE_H
#define BW_QUOTE_H

#include "parse_ip.h"

enum quote_limits {
	QUOTED_TRANSPORT = 8,	/* bytes: ports and sequence number, or type and identifier */
};

/* Only the first fragment shows its ports. Returns the length that the transport had, or -1. */
static __always_inline int quote_ipv4(struct frame *q, struct cursor *c)
{
	struct iphdr *ip = cursor_at(c, sizeof(*ip));
	__u32 header, total, fragment;

	if (!ip || c->left < sizeof(*ip))
		return -1;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	fragment = bpf_ntohs(ip->frag_off) & 0x3fff;
	if (ip->version != 4 || header < sizeof(*ip) || header > total || header > c->left)
		return -1;
	if (fragment & 0x1fff)
		return -1;
	if (fragment)
		q->flags |= FRAME_FRAGMENT;
	q->proto = ip->protocol;
	address_from_v4(&q->src, ip->saddr);
	address_from_v4(&q->dst, ip->daddr);
	if (c->left > total)
		c->left = total;
	cursor_skip(c, header);
	return total - header;
}

static __always_inline int quote_ipv6(struct frame *q, struct cursor *c)
{
	struct ipv6hdr *ip = cursor_at(c, sizeof(*ip));
	__u32 payload, kind, start;

	if (!ip || c->left < sizeof(*ip) || ip->version != 6)
		return -1;
	payload = bpf_ntohs(ip->payload_len);
	kind = ip->nexthdr;
	__builtin_memcpy(&q->src, &ip->saddr, sizeof(q->src));
	__builtin_memcpy(&q->dst, &ip->daddr, sizeof(q->dst));
	cursor_skip(c, sizeof(*ip));
	if (c->left > payload)
		c->left = payload;
	start = c->offset;
	if (walk_extensions(q, c, kind) != WALK_UPPER)
		return -1;
	note_fragment6(q, start);
	return payload - (c->offset - start);
}

/* `length` is what the transport header and its payload had when they were sent. */
static __always_inline int quote_transport(struct frame *q, struct cursor *c, __u32 length,
					   __u32 *seq)
{
	int icmp = is_icmp(q->family, q->proto);
	__u32 least = QUOTED_TRANSPORT;
	__be16 *p;

	if (q->proto == IPPROTO_TCP)
		least = 20;
	else if (q->proto == IPPROTO_SCTP)
		least = 12;
	else if (q->proto != IPPROTO_UDP && !icmp)
		return 0;
	if (c->offset + c->hidden > UPPER_HEADER_LIMIT || length < least)
		return -1;
	p = cursor_at(c, QUOTED_TRANSPORT);
	if (!p || c->left < QUOTED_TRANSPORT)
		return -1;
	q->sport = p[0];
	q->dport = p[1];
	if (icmp) {
		q->icmp_type = *(__u8 *)p;
		q->sport = p[2];
	} else if (q->proto == IPPROTO_UDP) {
		__u32 datagram = bpf_ntohs(p[2]);

		if (datagram < 8 || (datagram > length && !(q->flags & FRAME_FRAGMENT)))
			return -1;
	}
	*seq = bpf_ntohl(*(__be32 *)(p + 2));
	q->flags |= FRAME_PORTS;
	return 0;
}

/* The quote of the ICMP error in w->frame into w->quote; FRAME_QUOTE says that it could be read. */
static __always_inline void parse_quote(struct walk *w, void *data, void *end, __u32 hidden,
					int copied)
{
	struct frame *f = &w->frame, *q = &w->quote;
	struct cursor c = {.data = data, .end = end, .hidden = hidden, .copied = copied};
	int length;

	c.offset = (f->upper & 2047) + ICMP_HEADER - hidden;
	c.left = f->upper_length - ICMP_HEADER;
	q->family = f->family;
	q->flags = 0;
	q->tag[0] = f->tag[0];
	q->tag[1] = f->tag[1];
	length = f->family == 4 ? quote_ipv4(q, &c) : quote_ipv6(q, &c);
	if (length >= 0 && !quote_transport(q, &c, length, &w->quoted_seq))
		f->flags |= FRAME_QUOTE;
}

/* There is a quote, and it is not within reach of a parser that sees the linear part alone. */
static __always_inline int quote_unread(struct frame *f)
{
	return (f->flags & (FRAME_ERROR | FRAME_QUOTE)) == FRAME_ERROR;
}

#endif
