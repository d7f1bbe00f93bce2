/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a new connection takes from those that limit how many there may be: the rate of each of its
 * rules, of the host that it goes to, and of its source. A connection that anything refuses takes
 * nothing, one that is there needs nothing more.
 *
 * A rate is a bucket that fills up steadily and holds as much as may come at once. It is kept as one
 * word: the time at which it would be full again (GCRA, ITU-T I.371), in parts of a jiffy. So nobody
 * has to fill it, and taking is one addition.
 */
#ifndef BW_ALLOWANCE_H
#define BW_ALLOWANCE_H

#include "holders.h"

enum allowance_parts {
	JIFFY_PARTS = 20,	/* shift: so fine is a jiffy divided */
};

enum allowance_act {
	ALLOWANCE_LOOK,
	ALLOWANCE_TAKE,
	ALLOWANCE_GIVE_BACK,
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
	struct rule_limit *limit = rule_limit_of(w->flow.slot, rule);
	__u64 *full_at = limit ? bpf_map_lookup_elem(&rule_allowances, &rule) : NULL;

	return full_at ? act_on_rate(full_at, &limit->rate, w->now, act) : 0;
}

static __always_inline int act_on_host(struct walk *w, __u32 act)
{
	struct rule_limit *limit = rule_limit_of(w->flow.slot, w->verdict.rule_in);
	struct holder *h;

	if (!limit || !limit->host.rate.count)
		return 0;
	h = holder_of(&limit->name, limit->kind, act == ALLOWANCE_TAKE);
	return h ? act_on_rate(&h->full_at, &limit->host.rate, w->now, act) : 0;
}

/*
 * The last that is asked: a flood of forged sources that rule or host refuse does not get into the
 * table, where it would put others out. Who was put out begins with a full bucket.
 */
static __always_inline int act_on_source(struct walk *w, struct rate *rate, __u32 act)
{
	struct address source;
	__u64 *full_at, fresh = 0;

	if (!rate->count || w->verdict.flags & VERDICT_SOURCE_SCREENED)
		return 0;
	address_copy(&source, &w->flow.src);
	full_at = bpf_map_lookup_elem(&source_allowances, &source);
	if (!full_at && act == ALLOWANCE_TAKE) {
		bpf_map_update_elem(&source_allowances, &source, &fresh, BPF_NOEXIST);
		full_at = bpf_map_lookup_elem(&source_allowances, &source);
	}
	return full_at ? act_on_rate(full_at, rate, w->now, act) : 0;
}

__noinline int act_on_allowance(__u32 kind, __u32 whose, __u32 act)
{
	struct walk *w = walk_here(kind);
	struct generation *g;
	struct verdict *v;

	if (!w)
		return REASON_RATE;
	v = &w->verdict;
	switch (whose) {
	case ALLOWANCE_OUT:
		return act_on_rule(w, v->rule_transit ? v->rule_transit : v->rule_out, act);
	case ALLOWANCE_IN:
		return act_on_rule(w, v->rule_in, act);
	case ALLOWANCE_HOST:
		return act_on_host(w, act);
	case ALLOWANCE_SOURCE:
		g = bpf_map_lookup_elem(&generations, &w->flow.slot);
		return g ? act_on_source(w, &g->source.rate, act) : 0;
	}
	return 0;
}

/* Who holds so many states that one more is too many? While nobody sweeps nothing is known of that. */
__noinline int full_holder(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct rule_limit *limit;
	struct generation *g;

	if (!w || !w->believed)
		return ALLOWANCE_NONE;
	g = bpf_map_lookup_elem(&generations, &w->flow.slot);
	if (!g || !(g->flags & GENERATION_HOLDERS))
		return ALLOWANCE_NONE;
	limit = rule_limit_of(w->flow.slot, w->verdict.rule_in);
	if (limit && holder_full(&limit->name, limit->kind, limit->host.states))
		return ALLOWANCE_HOST;
	if (!(w->verdict.flags & VERDICT_SOURCE_SCREENED) &&
	    holder_full(&w->flow.src, HOLDER_SOURCE, g->source.states))
		return ALLOWANCE_SOURCE;
	return ALLOWANCE_NONE;
}

/* Gives back what those before `end` gave. */
static __always_inline void allowances_give_back(struct walk *w, __u32 end)
{
	__u32 whose;

	for (whose = ALLOWANCE_OUT; whose < ALLOWANCE_COUNT; whose++)
		if (whose < end)
			act_on_allowance(w->kind, whose, ALLOWANCE_GIVE_BACK);
}

/* One of each, or of none. Explain only looks. Returns a reason. */
static __always_inline int allowances_take(struct walk *w)
{
	__u32 act = w->frame.flags & FRAME_DRY ? ALLOWANCE_LOOK : ALLOWANCE_TAKE;
	__u32 whose, taken = ALLOWANCE_COUNT, over = ALLOWANCE_NONE;
	int reason = 0;

	for (whose = ALLOWANCE_OUT; whose < ALLOWANCE_COUNT && !reason; whose++) {
		reason = act_on_allowance(w->kind, whose, act);
		if (reason) {
			over = whose;
			taken = whose;
		}
	}
	if (!reason) {
		over = full_holder(w->kind);
		if (!over)
			return 0;
		reason = REASON_LIMIT;
	}
	if (act == ALLOWANCE_TAKE)
		allowances_give_back(w, taken);
	w->verdict.limit = over;
	/* What the rules say of the opening packet is not said of a drop. */
	w->verdict.flags &= ~VERDICT_LOG;
	return reason;
}

#endif
