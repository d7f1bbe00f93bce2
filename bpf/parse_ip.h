/* SPDX-License-Identifier: GPL-2.0 */
/* IPv4 with options (RFC 791), IPv6 with extension headers (RFC 8200), fragments of both. */
#ifndef BW_PARSE_IP_H
#define BW_PARSE_IP_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include "cursor.h"
#include "parse_transport.h"

enum extension {
	EXT_HOP_BY_HOP = 0,
	EXT_ROUTING = 43,
	EXT_FRAGMENT = 44,
	EXT_AUTH = 51,
	EXT_DESTINATION = 60,
};

static __always_inline int parse_ipv4(struct frame *f, struct cursor *c)
{
	struct iphdr *ip = cursor_at(c, sizeof(*ip));
	__u32 header, total, fragment;

	if (!ip)
		return REASON_MALFORMED_IP;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header || total > c->left)
		return REASON_MALFORMED_IP;

	f->family = 4;
	f->proto = ip->protocol;
	address_from_v4(&f->src, ip->saddr);
	address_from_v4(&f->dst, ip->daddr);
	fragment = bpf_ntohs(ip->frag_off) & 0x3fff;
	c->left = total;
	cursor_skip(c, header);
	if (fragment)
		f->flags |= FRAME_FRAGMENT;
	if (fragment & 0x1fff)
		return 0;
	return parse_transport(f, c);
}

/*
 * One extension header at the cursor: *length is its length, *next what follows. Returns 1: done,
 * the upper header is here; 0: skip *length; negative: not whole.
 */
static __always_inline int parse_extension(struct frame *f, struct cursor *c, __u32 kind,
					   __u32 *length, __u32 *next)
{
	__u8 *ext;

	switch (kind) {
	case EXT_HOP_BY_HOP:
	case EXT_ROUTING:
	case EXT_DESTINATION:
	case EXT_FRAGMENT:
	case EXT_AUTH:
		break;
	default:
		return 1;
	}
	ext = cursor_at(c, 8);
	if (!ext || c->left < 8)
		return -1;
	*next = ext[0];
	if (kind == EXT_FRAGMENT) {
		__u32 word = ext[2] << 8 | ext[3];

		*length = 8;
		/* RFC 6946: offset 0 and no more to come is a whole packet. */
		if (word & 0xfff9)
			f->flags |= FRAME_FRAGMENT;
		if (word & 0xfff8) {
			f->proto = *next;
			*length = 0;
		}
		return 0;
	}
	*length = kind == EXT_AUTH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
	return c->left < *length ? -1 : 0;
}

/* Cut short: fatal for a whole packet; the first fragment of one merely shows no ports. */
static __always_inline int cut_short(struct frame *f, int reason)
{
	return f->flags & FRAME_FRAGMENT ? 0 : reason;
}

static __always_inline int parse_ipv6(struct frame *f, struct cursor *c)
{
	struct ipv6hdr *ip = cursor_at(c, sizeof(*ip));
	__u32 payload, kind, i;

	if (!ip || ip->version != 6)
		return REASON_MALFORMED_IP;
	payload = bpf_ntohs(ip->payload_len);
	kind = ip->nexthdr;
	if (c->left < sizeof(*ip) || payload > c->left - sizeof(*ip) ||
	    (!payload && kind == EXT_HOP_BY_HOP))
		return REASON_MALFORMED_IP;

	f->family = 6;
	f->hop_limit = ip->hop_limit;
	__builtin_memcpy(&f->src, &ip->saddr, sizeof(f->src));
	__builtin_memcpy(&f->dst, &ip->daddr, sizeof(f->dst));
	cursor_skip(c, sizeof(*ip));
	c->left = payload;

	for (i = 0; i <= MAX_EXTENSIONS; i++) {
		__u32 length = 0, next = 0;
		int done;

		f->proto = kind;
		if (kind == EXT_HOP_BY_HOP && i)
			return REASON_MALFORMED_EXT;
		done = parse_extension(f, c, kind, &length, &next);
		if (done < 0)
			return cut_short(f, REASON_MALFORMED_EXT);
		if (done)
			return c->offset + c->hidden > UPPER_HEADER_LIMIT ? REASON_MALFORMED_EXT :
									    parse_transport(f, c);
		if (!length)
			return 0;
		if (i == MAX_EXTENSIONS)
			return REASON_MALFORMED_EXT;
		cursor_skip(c, length);
		if (c->offset + c->hidden > UPPER_HEADER_LIMIT)
			return REASON_MALFORMED_EXT;
		kind = next;
	}
	return REASON_MALFORMED_EXT;
}

#endif
