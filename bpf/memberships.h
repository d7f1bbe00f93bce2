/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which dynamic groups the ends of a flow are in, and what that makes of an entry of the matrix: rules
 * whose peers are dynamic groups are its alternatives, in the order in which they are to be asked.
 */
#ifndef BW_MEMBERSHIPS_H
#define BW_MEMBERSHIPS_H

#include "members.h"

/* The rule that speaks for a flow. */
struct speaker {
	__u32 rule;		/* rule slot; 0: none allows it */
	__u32 flags;		/* enum matrix_flags */
};

/*
 * Which of the groups in *groups an end of flow is in; they stay there. By a pointer, for a mask that is built
 * on the stack would be a constant on each of 2^32 paths to the verifier.
 */
__noinline int keep_memberships(struct flow *flow, __u32 destination, __u32 *groups)
{
	struct member_key key;
	struct member *m;
	__u32 asked, i;
	__u64 now;

	if (!flow || !groups)
		return -1;
	asked = *groups;
	*groups = 0;
	m = member_at(flow, destination, &key, &asked);
	if (!m)
		return 0;
	now = now_jiffies();
	for (i = 0; i < MAX_DYNAMIC_GROUPS; i++) {
		if (asked >> i & 1 && is_in(m, &key, i, now))
			*groups |= 1U << i;
	}
	return 0;
}

static __always_inline int asks_for(__u32 wanted, __u32 groups)
{
	return !wanted || wanted & groups;
}

/* The first alternative of an entry that holds the ends of flow, into *out; none: *out stays. */
__noinline int ask_alternatives(struct flow *flow, struct matrix_entry *e, struct speaker *out)
{
	__u32 slot, from, to, i;
	struct alternative *a;
	void *map;

	if (!flow || !e || !out)
		return -1;
	slot = flow->slot;
	map = bpf_map_lookup_elem(&alternatives, &slot);
	if (!map)
		return -1;
	from = e->from;
	to = e->to;
	if (from)
		keep_memberships(flow, 0, &from);
	if (to)
		keep_memberships(flow, 1, &to);
	if (!from && !to)
		return 0;
	/* Not kept here: the deepest stacks are full. */
	for (i = 0; i < MAX_ALTERNATIVES && i < e->count; i++) {
		__u32 at = e->first + i;

		a = bpf_map_lookup_elem(map, &at);
		if (!a)
			return -1;
		if (asks_for(a->from, from) && asks_for(a->to, to)) {
			out->rule = a->rule;
			out->flags = a->flags;
			return 0;
		}
	}
	return 0;
}

/* The rule of an entry that allows flow; 0: none does. */
static __always_inline __u32 speaker_of(struct flow *flow, struct matrix_entry *e,
					struct speaker *out)
{
	if (!e)
		return 0;
	out->rule = e->rule;
	out->flags = e->flags;
	if (e->count)
		ask_alternatives(flow, e, out);
	return out->rule;
}

#endif
