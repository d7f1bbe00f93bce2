/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a new connection takes from those that limit how many there may be: the rate of each of its
 * rules. A connection that anything refuses takes nothing, one that is there needs nothing more.
 *
 * A rate is a bucket that fills up steadily and holds as much as may come at once. It is kept as one
 * word: the time at which it would be full again (GCRA, ITU-T I.371), in parts of a jiffy. So nobody
 * has to fill it, and taking is one addition.
 */
#ifndef BW_ALLOWANCE_H
#define BW_ALLOWANCE_H

#include "frame.h"

enum allowance_parts {
	JIFFY_PARTS = 20,	/* shift: so fine is a jiffy divided */
};

enum allowance_act {
	ALLOWANCE_LOOK,
	ALLOWANCE_TAKE,
	ALLOWANCE_GIVE_BACK,
};

/* Whose allowance: in this order they are asked. */
enum allowance_of {
	ALLOWANCE_OUT,
	ALLOWANCE_IN,
	ALLOWANCES,
};

static __always_inline int take_one(__u64 *full_at, __u64 at, __u64 step, __u64 span, __u32 act)
{
	__u64 second = (__u64)hz << JIFFY_PARTS, seen = *(volatile __u64 *)full_at, start = seen;

	/* Full; or emptied at another rate, which a clock that lags by a jiffy must not look like. */
	if (seen < at)
		start = at;
	else if (seen > at + span + second)
		start = at + span;
	/* Whoever loses this finds that another did it. */
	if (start != seen && act == ALLOWANCE_TAKE)
		__sync_val_compare_and_swap(full_at, seen, start);
	if (start + step > at + span)
		return REASON_RATE;
	if (act == ALLOWANCE_LOOK)
		return 0;
	seen = __sync_fetch_and_add(full_at, step);
	if (seen + step <= at + span)
		return 0;
	__sync_fetch_and_add(full_at, -step);
	return REASON_RATE;
}

/* One of a bucket. Returns a reason, 0: there is one, or the rate is none. */
static __always_inline int act_on_rate(__u64 *full_at, struct rate *rate, __u64 now, __u32 act)
{
	__u64 step;

	if (!rate->count)
		return 0;
	step = (__u64)hz * rate->seconds << JIFFY_PARTS;
	step = (step + rate->count - 1) / rate->count;
	if (act != ALLOWANCE_GIVE_BACK)
		return take_one(full_at, now << JIFFY_PARTS, step, step * rate->count, act);
	__sync_fetch_and_add(full_at, -step);
	return 0;
}

static __always_inline int act_on_rule(struct walk *w, __u32 rule, __u32 act)
{
	void *map = bpf_map_lookup_elem(&rule_limits, &w->flow.slot);
	struct rule_limit *limit = map && rule ? bpf_map_lookup_elem(map, &rule) : NULL;
	__u64 *full_at = limit ? bpf_map_lookup_elem(&rule_allowances, &rule) : NULL;

	return full_at ? act_on_rate(full_at, &limit->rate, w->now, act) : 0;
}

__noinline int act_on_allowance(__u32 kind, __u32 whose, __u32 act)
{
	struct walk *w = walk_here(kind);
	struct verdict *v;

	if (!w)
		return REASON_RATE;
	v = &w->verdict;
	if (whose == ALLOWANCE_OUT)
		return act_on_rule(w, v->rule_transit ? v->rule_transit : v->rule_out, act);
	return act_on_rule(w, v->rule_in, act);
}

/* Gives back what the first `count` of them gave. */
static __always_inline void allowances_give_back(struct walk *w, __u32 count)
{
	__u32 whose;

	for (whose = 0; whose < ALLOWANCES; whose++)
		if (whose < count)
			act_on_allowance(w->kind, whose, ALLOWANCE_GIVE_BACK);
}

/* One of each, or of none. Explain only looks. Returns a reason. */
static __always_inline int allowances_take(struct walk *w)
{
	__u32 act = w->frame.flags & FRAME_DRY ? ALLOWANCE_LOOK : ALLOWANCE_TAKE, whose;
	int reason = 0;

	for (whose = 0; whose < ALLOWANCES && !reason; whose++)
		reason = act_on_allowance(w->kind, whose, act);
	if (!reason)
		return 0;
	if (act == ALLOWANCE_TAKE)
		allowances_give_back(w, whose - 1);
	/* What the rules say of the opening packet is not said of a drop. */
	w->verdict.flags &= ~VERDICT_LOG;
	return reason;
}

#endif
