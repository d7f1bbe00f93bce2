/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deny lines, before the matrix: one bit per line. A line hits when its bit is in the masks of the
 * source, of the destination and of the service; its cost does not depend on the number of lines.
 */
#ifndef BW_DENY_H
#define BW_DENY_H

#include "members.h"

/*
 * Deny lines that the dynamic groups of an address add to its class. The lines are gathered in the
 * loop itself: a mask of groups built here would be a constant on each of 2^32 paths to the
 * verifier.
 */
__noinline int dynamic_lines(struct flow *flow, __u32 destination, __u64 *lines)
{
	struct generation *g;
	struct member_key key;
	struct member *m;
	__u32 slot, groups, i;
	__u64 now;

	if (!flow || !lines)
		return -1;
	slot = flow->slot;
	g = bpf_map_lookup_elem(&generations, &slot);
	if (!g)
		return -1;
	groups = g->deny_dynamic;
	m = member_at(flow, destination, &key, &groups);
	if (!m)
		return 0;
	now = now_jiffies();
	for (i = 0; i < MAX_DYNAMIC_GROUPS && groups >> i; i++) {
		if (groups >> i & 1 && is_in(m, &key, i, now))
			*lines |= destination ? g->dynamic_to[i] : g->dynamic_from[i];
	}
	return 0;
}

/* The lowest bit's number; BPF has no instruction for it, and LLVM's expansion is longer. */
static __always_inline __u32 lowest_line(__u64 lines)
{
	__u32 n = 0;

	if (!(lines & 0xffffffff)) {
		n += 32;
		lines >>= 32;
	}
	if (!(lines & 0xffff)) {
		n += 16;
		lines >>= 16;
	}
	if (!(lines & 0xff)) {
		n += 8;
		lines >>= 8;
	}
	if (!(lines & 0xf)) {
		n += 4;
		lines >>= 4;
	}
	if (!(lines & 3)) {
		n += 2;
		lines >>= 2;
	}
	return n + !(lines & 1);
}

static __always_inline int is_denied(struct generation *g, struct flow *flow, __u64 from, __u64 to,
				     __u16 service, struct verdict *v)
{
	__u64 lines;

	if (g->deny_dynamic)
		dynamic_lines(flow, 0, &from);
	/* Most sources are in no line, and most lines speak of everybody as a destination. */
	if (g->deny_dynamic && from & ~to)
		dynamic_lines(flow, 1, &to);
	lines = from & to;
	if (!lines)
		return 0;
	if (lines & ~g->deny_all_services) {
		__u64 named = g->deny_all_services;
		__u32 class = service, slot = flow->slot;
		void *map = bpf_map_lookup_elem(&service_deny, &slot);
		struct service_class *c = NULL;

		if (map && flow->service != NO_SERVICE)
			c = bpf_map_lookup_elem(map, &class);
		if (c)
			named |= c->deny;
		lines &= named;
		if (!lines)
			return 0;
	}
	v->deny_line = lowest_line(lines);
	v->rule_deny = g->deny_rule[v->deny_line & (MAX_DENY_LINES - 1)];
	if (g->deny_log >> (v->deny_line & 63) & 1)
		v->flags |= VERDICT_LOG;
	return 1;
}

#endif
