/* SPDX-License-Identifier: GPL-2.0 */
/* TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), ICMP (RFC 792), ICMPv6 (RFC 4443). */
#ifndef BW_PARSE_TRANSPORT_H
#define BW_PARSE_TRANSPORT_H

#include "cursor.h"
#include "parse_claim.h"
#include "protocols.h"

/* Nothing but a timestamp, in the form of RFC 7323 appendix A: most segments. */
static __always_inline int is_timestamp(__be32 *options, __u32 bytes)
{
	return bytes == 12 && *options == bpf_htonl(0x0101080a);
}

/* What windows ask of a segment whose header is there. */
static __always_inline void read_segment(struct segment *to, __u8 *tcp, __u32 payload)
{
	to->seq = bpf_ntohl(*(__be32 *)(tcp + 4));
	to->ack = bpf_ntohl(*(__be32 *)(tcp + 8));
	to->sack = to->ack;
	to->window = bpf_ntohs(*(__be16 *)(tcp + 14));
	to->payload = payload;
}

static __always_inline int parse_tcp(struct frame *f, struct cursor *c)
{
	__u8 *tcp = cursor_at(c, 20);
	__u32 header;

	if (!tcp || c->left < 20)
		return REASON_MALFORMED_L4;
	header = (tcp[12] >> 4) * 4;
	if (header < 20 || header > c->left)
		return REASON_MALFORMED_L4;
	f->sport = *(__be16 *)tcp;
	f->dport = *(__be16 *)(tcp + 2);
	f->tcp_flags = tcp[13];
	f->headers += header;
	read_segment(&f->tcp, tcp, c->left - header);
	f->tcp.bits = TCP_UNSCALED;
	if (header == 20)
		return 0;
	tcp = cursor_at(c, 24);
	if (tcp && is_timestamp((__be32 *)(tcp + 20), header - 20))
		return 0;
	f->tcp.options_at = c->offset + 20;
	f->tcp.options = header - 20;
	f->flags |= FRAME_TCP_OPTIONS;
	return 0;
}

static __always_inline int parse_udp(struct frame *f, struct cursor *c)
{
	__be16 *udp = cursor_at(c, 8);
	__u32 length;

	if (!udp || c->left < 8)
		return REASON_MALFORMED_L4;
	length = bpf_ntohs(udp[2]);
	/* The first fragment of a datagram is shorter than the datagram. */
	if (length < 8 || (length > c->left && !(f->flags & FRAME_FRAGMENT)))
		return REASON_MALFORMED_L4;
	f->sport = udp[0];
	f->dport = udp[1];
	f->headers += 8;
	return 0;
}

static __always_inline int parse_sctp(struct frame *f, struct cursor *c)
{
	__be16 *sctp = cursor_at(c, 12);
	__u8 *chunk;

	if (!sctp || c->left < 12)
		return REASON_MALFORMED_L4;
	f->sport = sctp[0];
	f->dport = sctp[1];
	if (c->left < 16)
		return 0;
	/* There but out of reach: tc pulls it in, and parses again. */
	chunk = cursor_at(c, 16);
	if (!chunk)
		return REASON_MALFORMED_L4;
	if (chunk[12] == 1)
		f->flags |= FRAME_SCTP_INIT;
	return 0;
}

enum icmp_sizes {
	ICMP_HEADER = 8,
};

/* Destination unreachable, time exceeded, parameter problem, and packet too big. Source quench is
 * none any more (RFC 6633), redirects are link.h's. */
static __always_inline int is_icmp_error(struct frame *f)
{
	if (f->family == 6)
		return f->icmp_type >= 1 && f->icmp_type <= 4;
	return f->icmp_type == 3 || f->icmp_type == 11 || f->icmp_type == 12;
}

static __always_inline int parse_icmp(struct frame *f, struct cursor *c)
{
	__u8 *icmp = cursor_at(c, ICMP_HEADER);

	if (!icmp || c->left < ICMP_HEADER)
		return REASON_MALFORMED_L4;
	f->icmp_type = icmp[0];
	f->sport = *(__be16 *)(icmp + 4);
	if (is_icmp_error(f))
		f->flags |= FRAME_ERROR;
	if (f->family == 6 && is_discovery(f->icmp_type) && !(f->flags & FRAME_FRAGMENT))
		return parse_claim(f, c);
	return 0;
}

static __always_inline int parse_transport(struct frame *f, struct cursor *c)
{
	int reason;

	f->headers = c->offset + c->hidden;
	f->upper = f->headers;
	f->upper_length = c->left;
	switch (f->proto) {
	case IPPROTO_TCP:
		reason = parse_tcp(f, c);
		break;
	case IPPROTO_UDP:
		reason = parse_udp(f, c);
		break;
	case IPPROTO_SCTP:
		reason = parse_sctp(f, c);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((f->proto == IPPROTO_ICMP) == (f->family == 4)) {
			reason = parse_icmp(f, c);
			break;
		}
		/* fallthrough */
	default:
		f->flags |= FRAME_UPPER;
		return 0;
	}
	if (!reason)
		f->flags |= FRAME_PORTS | FRAME_UPPER;
	else if (f->flags & FRAME_FRAGMENT)
		return 0;
	return reason;
}

#endif
