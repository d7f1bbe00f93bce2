/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 5: a connection that no rule allows is accepted when a helper expects it. It is as good as
 * the connection in which the helper read of it, its master: as long as the policy allows that one,
 * with a helper, so is this. It counts under the master's rules, and needs no helper of its own.
 */
#ifndef BW_EXPECT_H
#define BW_EXPECT_H

#include "detour.h"
#include "policy.h"
#include "state.h"

/* No rule speaks for it; nothing speaks against it either. `flow` was judged last. */
static __always_inline int lacks_rule(struct flow *flow, int reason)
{
	if (is_elsewhere(&flow->from) || is_elsewhere(&flow->to))
		return 0;
	return reason == REASON_NO_OUT || reason == REASON_NO_IN || reason == REASON_NOT_SCREENED;
}

static __always_inline struct expectation *expected_now(struct walk *w)
{
	struct expectation *e = bpf_map_lookup_elem(&expectations, &w->expected);
	__u32 taken;

	if (!e || (__s64)(e->until - w->now) <= 0)
		return NULL;
	taken = *(volatile __u32 *)&e->taken;
	return !taken || taken == (EXPECTATION_TAKEN | w->frame.sport) ? e : NULL;
}

/* By its ports and source, by its source, and from anywhere. */
static __always_inline struct expectation *expectation_of(struct walk *w)
{
	struct expectation_key *key = &w->expected;
	struct frame *f = &w->frame;
	struct expectation *e;

	address_copy(&key->src, &f->src);
	address_copy(&key->dst, &f->dst);
	key->sport = f->sport;
	key->dport = f->dport;
	key->tag[0] = f->tag[0];
	key->tag[1] = f->tag[1];
	key->proto = f->proto;
	key->family = f->family;
	key->pad[0] = 0;
	key->pad[1] = 0;
	e = expected_now(w);
	if (e)
		return e;
	key->sport = 0;
	e = expected_now(w);
	if (e)
		return e;
	__builtin_memset(&key->src, 0, sizeof(key->src));
	return expected_now(w);
}

/* The master of the walk, as its originator opened it. */
static __always_inline void flow_of_master(struct walk *w)
{
	struct state_key *key = &w->master.key;
	__u32 high = w->master.high;
	__u16 port = bpf_ntohs(high ? key->low_port : key->high_port);

	address_copy(&w->flow.src, high ? &key->high : &key->low);
	address_copy(&w->flow.dst, high ? &key->low : &key->high);
	flow_in(&w->flow, key->tag);
	w->flow.service = service_code(key->family, key->proto, port, 0);
}

/* Judges the master's flow for one that lacks a rule. Returns a reason. */
static __always_inline int judge_by_master(struct walk *w, int lack)
{
	struct verdict *v = &w->verdict;
	__u32 ends = v->flags & (VERDICT_SOURCE_SCREENED | VERDICT_DESTINATION_SCREENED);
	int reason;

	flow_of_master(w);
	reason = judge_flow(&w->flow, v, JUDGE_MAY_OPEN);
	v->flags &= ~(VERDICT_SOURCE_SCREENED | VERDICT_DESTINATION_SCREENED);
	v->flags |= ends;
	if (!reason && !(v->detour & DETOUR_HELPER))
		reason = lack;
	v->detour &= ~DETOUR_HELPER;
	return reason;
}

static __always_inline int is_master(struct walk *w, struct state *s)
{
	return s && !state_gone(s, &w->master.key, w->now) && s->word & STATE_DETOUR;
}

/* A miss without a rule: `lack` says which. Returns a reason, 0: it is expected. */
__noinline int judge_expected(__u32 kind, int lack)
{
	struct walk *w = walk_here(kind);
	struct expectation *e;
	struct state *s;

	if (!w)
		return lack;
	e = expectation_of(w);
	if (!e)
		return lack;
	w->master = e->master;
	s = bpf_map_lookup_elem(&established, &w->master.key);
	if (!is_master(w, s))
		s = bpf_map_lookup_elem(&pending, &w->master.key);
	if (!is_master(w, s))
		return lack;
	/* As its state has it: conntrack takes for the opener whoever it heard first. */
	w->master.high = !!(s->word & STATE_ORIG_HIGH);
	if (judge_by_master(w, lack))
		return lack;
	w->related = STATE_RELATED;
	return 0;
}

/* It is opened: the expectation is spent, and whose child it is stays known. Returns a reason. */
static __always_inline int take_expectation(struct walk *w)
{
	struct expectation *e = bpf_map_lookup_elem(&expectations, &w->expected);
	__u32 taken = EXPECTATION_TAKEN | w->frame.sport, before;

	if (!e)
		return REASON_NO_STATE;
	before = __sync_val_compare_and_swap(&e->taken, 0, taken);
	if (before && before != taken)
		return REASON_NO_STATE;
	return bpf_map_update_elem(&children, &w->key, &w->master, BPF_ANY) ? REASON_TABLE_FULL : 0;
}

/* For a state whose own flow lacks a rule. Returns a reason. */
static __always_inline int rejudge_related(struct walk *w, int lack)
{
	struct master *m = bpf_map_lookup_elem(&children, &w->key);

	if (!m)
		return lack;
	w->master = *m;
	return judge_by_master(w, lack);
}

#endif
