/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 9: every received frame, and every segment of an aggregated one, ends in exactly one
 * outcome, counted by the hook that judged it. Rules count packets, bytes and connections; a
 * connection between two screened hosts counts for both its rules.
 */
#ifndef BW_ACCOUNT_H
#define BW_ACCOUNT_H

#include "session.h"
#include "watch.h"

static __always_inline void count_outcome(struct frame *f, __u32 outcome)
{
	__u32 index = f->port * OUTCOME_STRIDE + outcome;
	struct outcome_counter *c = bpf_map_lookup_elem(&outcomes, &index);

	if (!c)
		return;
	c->packets += f->segments;
	c->bytes += f->length;
}

/* A connection, not a frame. */
static __always_inline void count_picked_up(struct frame *f)
{
	__u32 index = f->port * OUTCOME_STRIDE + OUTCOME_PICKED_UP;
	struct outcome_counter *c = bpf_map_lookup_elem(&outcomes, &index);

	if (c)
		c->packets++;
}

static __always_inline void count_rule(struct walk *w, __u32 rule)
{
	struct rule_counter *c;

	if (!rule)
		return;
	c = bpf_map_lookup_elem(&rule_counters, &rule);
	if (!c)
		return;
	c->packets += w->frame.segments;
	c->bytes += w->frame.length;
	c->connections += !!(w->verdict.flags & VERDICT_NEW);
	c->last = w->now;
}

static __always_inline void count_connection(__u32 rule)
{
	struct rule_counter *c = rule ? bpf_map_lookup_elem(&rule_counters, &rule) : NULL;

	if (c)
		c->connections++;
}

/* A frame that will be judged again, as one of a connection that is there: what would be lost. */
static __always_inline void account_opening(struct walk *w, int logged)
{
	struct verdict *v = &w->verdict;

	if (v->action == ACTION_DROP)
		return;
	if (v->flags & VERDICT_WATCHED)
		watch_frame(w->kind);
	if (!(v->flags & VERDICT_NEW))
		return;
	count_connection(v->rule_out);
	count_connection(v->rule_in);
	count_connection(v->rule_transit);
	if (logged)
		count_outcome(&w->frame, OUTCOME_LOG_SUPPRESSED);
}

static __always_inline void account(struct walk *w, __u32 outcome)
{
	struct verdict *v = &w->verdict;

	count_outcome(&w->frame, OUTCOME_RX);
	count_outcome(&w->frame, outcome);
	if (v->flags & VERDICT_WATCHED)
		watch_frame(w->kind);
	if (v->action == ACTION_DROP) {
		count_rule(w, v->rule_deny);
		return;
	}
	count_rule(w, v->rule_out);
	count_rule(w, v->rule_in);
	count_rule(w, v->rule_transit);
	if (v->flags & VERDICT_COUNTED)
		count_session(w);
}

#endif
