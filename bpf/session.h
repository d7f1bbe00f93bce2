/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections of which an operator wants to know more: packets and bytes of either end, beginning and
 * end. Beside the states, for all others pay nothing but a branch. An entry begins with its state, in
 * session_open(); packets count into it; whoever ends the state says why; what is to be told of it the
 * sweep finds out (session_sweep.h).
 */
#ifndef BW_SESSION_H
#define BW_SESSION_H

#include "frame.h"

static __always_inline struct session_stats *session_stats_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&session_stats, &zero);
}

static __always_inline int all_are_counted(void)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	return n && n->counters;
}

/* The session of the walk's key that was born then. */
static __always_inline struct session *session_of(struct walk *w, __u64 born)
{
	w->session_key.key = w->key;
	w->session_key.pad = 0;
	w->session_key.born = born;
	return bpf_map_lookup_elem(&sessions, &w->session_key);
}

/* This frame is one of that connection, and leads it there: account() counts it, if it passes. */
static __always_inline void session_note(struct walk *w, __u64 born, __u32 phase)
{
	w->verdict.flags |= VERDICT_COUNTED;
	w->counted_born = born;
	w->counted_phase = phase;
}

/* Begins with the state in the walk, if that is to be counted. Without room it is not, and that is. */
__noinline int session_open(__u32 kind, __u32 tell)
{
	struct session_stats *stats = session_stats_here();
	struct walk *w = walk_here(kind);
	struct session *new;
	struct state *s;
	int err;

	if (!w || !stats || (!tell && !all_are_counted()))
		return 0;
	new = &w->session;
	s = &w->state;
	__builtin_memset(new, 0, sizeof(*new));
	new->last = w->now;
	new->phase = s->word & STATE_PHASE;
	new->flags = tell ? SESSION_TELL : 0;
	new->word = s->word;
	new->rule_out = s->rule_out;
	new->rule_in = s->rule_in;
	w->session_key.key = w->key;
	w->session_key.pad = 0;
	w->session_key.born = s->born;
	err = bpf_map_update_elem(&sessions, &w->session_key, new, BPF_ANY);
	if (err) {
		__sync_fetch_and_add(&stats->lost, 1);
		return 0;
	}
	__sync_fetch_and_add(&stats->opened, 1);
	s->word |= STATE_COUNTED;
	return 0;
}

/* One that may take the place of *s is told of as that one is. */
static __always_inline void session_succeeds(struct walk *w, struct state *s)
{
	struct session *old = s->word & STATE_COUNTED ? session_of(w, s->born) : NULL;

	if (old)
		session_open(w->kind, old->flags & SESSION_TELL);
}

/* What the packets of a connection have made of it, before its state goes. */
static __always_inline __u32 session_end_by_phase(__u32 phase)
{
	if (phase == PHASE_TIME_WAIT)
		return SESSION_CLOSED;
	return phase == PHASE_CLOSE ? SESSION_RESET : SESSION_LIVES;
}

/* Says why a state is over; the first to say so is heard. */
static __always_inline void session_over(struct walk *w, struct state *s, __u32 why)
{
	struct session *of = s->word & STATE_COUNTED ? session_of(w, s->born) : NULL;

	if (of && !of->why && !session_end_by_phase(of->phase))
		of->why = why;
}

static __always_inline void count_session(struct walk *w)
{
	struct session *of = session_of(w, w->counted_born);
	struct session_counter *c;

	if (!of)
		return;
	c = &of->sent[w->from_high & 1];
	__sync_fetch_and_add(&c->packets, w->frame.segments);
	__sync_fetch_and_add(&c->bytes, w->frame.length);
	of->last = w->now;
	of->phase = w->counted_phase;
}

#endif
