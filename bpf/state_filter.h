/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which states an operator means. The filter stands in the element of the pass that asks: user space
 * writes it before each slice, so that any number of listings take turns.
 */
#ifndef BW_STATE_FILTER_H
#define BW_STATE_FILTER_H

#include "classify.h"
#include "state.h"

static __always_inline struct state_pass *pass_of(__u32 kind)
{
	return bpf_map_lookup_elem(&state_passes, &kind);
}

static __always_inline int address_within(struct address *a, __u8 family, struct end_filter *f)
{
	__be32 *x = words(a), *y = words(&f->address), *mask = words(&f->mask);

	return family == f->family &&
	       (x[0] & mask[0]) == y[0] && (x[1] & mask[1]) == y[1] &&
	       (x[2] & mask[2]) == y[2] && (x[3] & mask[3]) == y[3];
}

static __always_inline int is_picked(struct address *address, __u32 bits)
{
	struct address copy;
	__u32 *as;

	address_copy(&copy, address);
	as = bpf_map_lookup_elem(&picked, &copy);
	return as && *as & bits;
}

/* One end of a connection, as people see it: of ICMP, the one has the identifier, the other the type. */
struct seen_end {
	struct address *address;
	__u16 port;
};

struct seen_ends {
	struct seen_end from;	/* it opened the connection */
	struct seen_end to;
};

static __always_inline void seen_ends(struct seen_ends *ends, struct state_key *key, __u32 word)
{
	__u16 low = bpf_ntohs(key->low_port), high = bpf_ntohs(key->high_port);
	int turned = !!(word & STATE_ORIG_HIGH);

	ends->from.address = turned ? &key->high : &key->low;
	ends->to.address = turned ? &key->low : &key->high;
	if (is_icmp(key->family, key->proto)) {
		ends->from.port = low;
		ends->to.port = high & 0xff;
	} else {
		ends->from.port = turned ? high : low;
		ends->to.port = turned ? low : high;
	}
}

static __always_inline int end_matches(struct end_filter *f, struct seen_end *end, __u8 family)
{
	if (f->fields & END_PORT && end->port != f->port)
		return 0;
	if (f->fields & END_ADDRESS && !address_within(end->address, family, f))
		return 0;
	return !(f->fields & END_PICKED) || is_picked(end->address, f->picked);
}

static __always_inline int either_matches(struct end_filter *f, struct seen_ends *ends, __u8 family)
{
	if (f->fields & END_PORT && ends->from.port != f->port && ends->to.port != f->port)
		return 0;
	if (f->fields & END_ADDRESS && !address_within(ends->from.address, family, f) &&
	    !address_within(ends->to.address, family, f))
		return 0;
	return !(f->fields & END_PICKED) || is_picked(ends->from.address, f->picked) ||
	       is_picked(ends->to.address, f->picked);
}

static __always_inline int ends_match(struct state_filter *f, struct state_key *key, __u32 word)
{
	struct seen_ends ends;

	if (!(f->end[FILTER_EITHER].fields | f->end[FILTER_SOURCE].fields |
	      f->end[FILTER_DESTINATION].fields))
		return 1;
	seen_ends(&ends, key, word);
	return either_matches(&f->end[FILTER_EITHER], &ends, key->family) &&
	       end_matches(&f->end[FILTER_SOURCE], &ends.from, key->family) &&
	       end_matches(&f->end[FILTER_DESTINATION], &ends.to, key->family);
}

static __always_inline int tag_matches(__u16 tag, __u16 vlan)
{
	return tag && (tag & TAG_VID) == vlan;
}

static __always_inline int key_matches(struct state_filter *f, struct state_key *key)
{
	if (f->fields & FILTER_PROTO && key->proto != f->proto)
		return 0;
	if (f->fields & FILTER_FAMILY && key->family != f->family)
		return 0;
	return !(f->fields & FILTER_VLAN) || tag_matches(key->tag[0], f->vlan) ||
	       tag_matches(key->tag[1], f->vlan);
}

static __always_inline int half_matches(struct state *s, __u8 half)
{
	if (half == HALF_IN)
		return s->rule_in != 0;
	return s->rule_out && !(s->word & STATE_TRANSIT) == (half == HALF_OUT);
}

static __always_inline int rules_match(struct state_filter *f, struct state *s)
{
	if (f->fields & FILTER_RULE && s->rule_out != f->rule && s->rule_in != f->rule)
		return 0;
	return !(f->fields & FILTER_HALF) || half_matches(s, f->half);
}

/* Another CPU's clock may be ahead of what this one read. */
static __always_inline __u64 since(__u64 then, __u64 now)
{
	return (__s64)(now - then) > 0 ? now - then : 0;
}

static __always_inline int times_match(struct state_filter *f, struct state_key *key,
				       struct state *s, __u64 now)
{
	if (f->fields & FILTER_OLDER && since(s->born, now) < f->older)
		return 0;
	if (f->fields & FILTER_YOUNGER && since(s->born, now) >= f->younger)
		return 0;
	if (f->fields & FILTER_IDLE && since(s->seen, now) < f->idle)
		return 0;
	return !(f->fields & FILTER_EXPIRES) ||
	       since(now, s->seen + timeout_of(key, phase_of(s->word))) <= f->expires;
}

/* Every field that is set must match. */
static __always_inline int filter_matches(struct state_filter *f, struct state_key *key,
					  struct state *s, __u64 now)
{
	if (f->fields & FILTER_PHASE && phase_of(s->word) != f->phase)
		return 0;
	return key_matches(f, key) && rules_match(f, s) && times_match(f, key, s, now) &&
	       ends_match(f, key, s->word);
}

#endif
