/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which address a message of neighbour discovery says something of, and which MAC it names (RFC 4861
 * 4.1 to 4.4, 4.6.1): an advertisement of its target, all others of their source.
 */
#ifndef BW_PARSE_CLAIM_H
#define BW_PARSE_CLAIM_H

#include "cursor.h"

/* Neighbour discovery (RFC 4861) and multicast listeners (RFC 2710, 3810). */
enum nd_type {
	MLD_QUERY = 130,
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_NEIGHBOUR_SOLICIT = 135,
	ND_NEIGHBOUR_ADVERT = 136,
	ND_REDIRECT = 137,
	MLD2_REPORT = 143,
};

/* In units of eight bytes, as the lengths of options are. */
enum nd_sizes {
	ND_UNIT = 8,
	ND_SOLICIT_UNITS = 1,	/* header of a router solicitation */
	ND_ADVERT_UNITS = 2,	/* ... of a router advertisement */
	ND_TARGET_UNITS = 3,	/* ... of what has a target */
	ND_UNITS = 8,		/* so many are looked at */
};

enum nd_option {
	ND_OPTION_SOURCE_MAC = 1,
	ND_OPTION_TARGET_MAC = 2,
};

static __always_inline int is_discovery(__u8 type)
{
	return type >= ND_ROUTER_SOLICIT && type <= ND_NEIGHBOUR_ADVERT;
}

static __always_inline __u32 nd_header_units(__u8 type)
{
	if (type == ND_ROUTER_SOLICIT)
		return ND_SOLICIT_UNITS;
	return type == ND_ROUTER_ADVERT ? ND_ADVERT_UNITS : ND_TARGET_UNITS;
}

static __always_inline void claim_no_mac(struct frame *f)
{
	f->claim.named = 1;
	__builtin_memset(f->claim.mac, 0, 6);
}

/* Two that differ are nobody's; so is zero, which stays what it is. */
static __always_inline void claim_mac(struct frame *f, __u8 *mac)
{
	if (!f->claim.named)
		__builtin_memcpy(f->claim.mac, mac, 6);
	else if (!same_mac(f->claim.mac, mac))
		__builtin_memset(f->claim.mac, 0, 6);
	f->claim.named = 1;
}

/* The link-layer options of either kind. What is not read whole names nobody's MAC. */
static __always_inline int parse_nd_options(struct frame *f, struct cursor *c)
{
	__u32 next = nd_header_units(f->icmp_type), units = c->left / ND_UNIT, i;

	if (c->left % ND_UNIT || units > ND_UNITS || units < next) {
		claim_no_mac(f);
		return 0;
	}
	for (i = ND_SOLICIT_UNITS; i < ND_UNITS; i++) {
		__u8 *option;

		if (i >= units)
			return 0;
		if (i != next)
			continue;
		option = cursor_at(c, (i + 1) * ND_UNIT);
		if (!option)
			return REASON_MALFORMED_L4;
		option += i * ND_UNIT;
		next = i + option[1];
		if (!option[1] || next > units) {
			claim_no_mac(f);
			return 0;
		}
		if (option[0] != ND_OPTION_SOURCE_MAC && option[0] != ND_OPTION_TARGET_MAC)
			continue;
		if (option[1] == 1)
			claim_mac(f, option + 2);
		else
			claim_no_mac(f);
	}
	return 0;
}

/* Returns a reason: what is there but out of reach tc pulls in, and parses again. */
static __always_inline int parse_claim(struct frame *f, struct cursor *c)
{
	__u8 *message;

	f->flags |= FRAME_CLAIM;
	address_copy(&f->claim.address, &f->src);
	if (f->icmp_type == ND_NEIGHBOUR_ADVERT && c->left >= ND_TARGET_UNITS * ND_UNIT) {
		message = cursor_at(c, ND_TARGET_UNITS * ND_UNIT);
		if (!message)
			return REASON_MALFORMED_L4;
		__builtin_memcpy(&f->claim.address, message + ND_UNIT, sizeof(f->claim.address));
	}
	return parse_nd_options(f, c);
}

#endif
