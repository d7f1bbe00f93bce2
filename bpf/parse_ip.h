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

/*
 * What the headers of a fragment say: it carries `bytes` of the datagram, to whose length `before`
 * more count. RFC 791 3.2, RFC 8200 4.5: all but the last end on a multiple of 8, and a datagram has
 * 65,535 bytes at most.
 */
static __always_inline void note_fragment(struct frame *f, __u32 offset, __u32 more, __u32 bytes,
					  __u32 before)
{
	f->flags |= FRAME_FRAGMENT;
	if (more)
		f->flags |= FRAME_MORE;
	if (!bytes || (more && bytes & 7) || before + offset + bytes > 65535)
		f->flags |= FRAME_ILL_FRAGMENT;
	f->fragment_offset = offset;
	f->fragment_length = bytes;
}

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
	f->hop_limit = ip->ttl;
	scratch_v4(&f->src, ip->saddr);
	scratch_v4(&f->dst, ip->daddr);
	fragment = bpf_ntohs(ip->frag_off) & 0x3fff;
	c->left = total;
	cursor_skip(c, header);
	if (fragment) {
		f->fragment_id = ip->id;
		note_fragment(f, (fragment & 0x1fff) * 8, fragment & 0x2000, total - header, header);
	}
	if (fragment & 0x1fff)
		return 0;
	return parse_transport(f, c);
}

enum extension_walk {
	WALK_UPPER,		/* the upper header is here */
	WALK_LATER_FRAGMENT,	/* it is in another fragment; proto is what that one shows */
	WALK_CUT_SHORT,
	WALK_MALFORMED,
};

static __always_inline int is_extension(__u32 kind)
{
	switch (kind) {
	case EXT_HOP_BY_HOP:
	case EXT_ROUTING:
	case EXT_DESTINATION:
	case EXT_FRAGMENT:
	case EXT_AUTH:
		return 1;
	}
	return 0;
}

/* Notes go through memory that the verifier does not follow: it would otherwise walk all that comes
 * after once for each of them. */
static __always_inline __u32 take_fragment_header(struct frame *f, struct cursor *c, __u8 *ext)
{
	__u32 word = ext[2] << 8 | ext[3];

	*(volatile __u8 *)&f->fragment_headers += 1;
	*(volatile __u32 *)&f->fragment_id = *(__u32 *)(ext + 4);
	*(volatile __u16 *)&f->fragment_offset = word;
	*(volatile __u16 *)&f->fragment_length = c->left - 8;
	*(volatile __u16 *)&f->fragment_before = c->offset;
	return word & 0xfff8;
}

/* To the verifier one step over an extension shall look like any other. Returns the next header. */
static __always_inline __u32 forget_step(struct frame *f, struct cursor *c, __u32 kind)
{
	*(volatile __u16 *)&f->upper = c->offset;
	*(volatile __u16 *)&f->upper_length = c->left;
	*(volatile __u8 *)&f->proto = kind;
	c->offset = *(volatile __u16 *)&f->upper & EXTENSION_END_MASK;
	c->left = *(volatile __u16 *)&f->upper_length;
	return *(volatile __u8 *)&f->proto;
}

/* From the first header after the fixed one, `kind`, to the upper one. */
static __always_inline int walk_extensions(struct frame *f, struct cursor *c, __u32 kind)
{
	__u32 i, length;
	__u8 *ext;

	*(volatile __u8 *)&f->fragment_headers = 0;
	for (i = 0; i <= MAX_EXTENSIONS; i++) {
		f->proto = kind;
		if (c->offset + c->hidden > UPPER_HEADER_LIMIT)
			return WALK_MALFORMED;
		if (!is_extension(kind))
			return WALK_UPPER;
		if (kind == EXT_HOP_BY_HOP && i)
			return WALK_MALFORMED;
		ext = cursor_at(c, 8);
		if (!ext || c->left < 8)
			return WALK_CUT_SHORT;
		length = kind == EXT_AUTH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
		if (kind == EXT_FRAGMENT) {
			if (*(volatile __u8 *)&f->fragment_headers)
				return WALK_MALFORMED;
			length = 8;
			if (take_fragment_header(f, c, ext)) {
				f->proto = ext[0];
				return WALK_LATER_FRAGMENT;
			}
		}
		if (c->left < length)
			return WALK_CUT_SHORT;
		cursor_skip(c, length);
		kind = forget_step(f, c, ext[0]);
	}
	return WALK_MALFORMED;
}

/* What the walk noted of a fragment header, if it met one. `start`: where the walk began. RFC 6946:
 * offset 0 and no more to come is a whole packet. */
static __always_inline void note_fragment6(struct frame *f, __u32 start)
{
	__u32 word = f->fragment_offset;

	if (*(volatile __u8 *)&f->fragment_headers && word & 0xfff9)
		note_fragment(f, word & 0xfff8, word & 1, f->fragment_length,
			      f->fragment_before - start);
}

static __always_inline int parse_ipv6(struct frame *f, struct cursor *c)
{
	struct ipv6hdr *ip = cursor_at(c, sizeof(*ip));
	__u32 payload, kind, start;
	int walk;

	if (!ip || ip->version != 6)
		return REASON_MALFORMED_IP;
	payload = bpf_ntohs(ip->payload_len);
	kind = ip->nexthdr;
	if (c->left < sizeof(*ip) || payload > c->left - sizeof(*ip) ||
	    (!payload && kind == EXT_HOP_BY_HOP))
		return REASON_MALFORMED_IP;

	f->family = 6;
	f->hop_limit = ip->hop_limit;
	scratch_copy(&f->src, &ip->saddr);
	scratch_copy(&f->dst, &ip->daddr);
	cursor_skip(c, sizeof(*ip));
	c->left = payload;
	start = c->offset;
	walk = walk_extensions(f, c, kind);
	/* The walk had its notes there. */
	if (walk != WALK_UPPER) {
		f->upper = 0;
		f->upper_length = 0;
	}
	if (walk == WALK_MALFORMED)
		return REASON_MALFORMED_EXT;
	note_fragment6(f, start);
	if (walk == WALK_UPPER)
		return parse_transport(f, c);
	/* Fatal for a whole packet; the first fragment of one merely shows no ports. */
	if (walk == WALK_CUT_SHORT && !(f->flags & FRAME_FRAGMENT))
		return REASON_MALFORMED_EXT;
	return 0;
}

#endif
