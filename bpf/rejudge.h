/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes that judge, or end, live states at the asking of the control plane. What they shall do stands in `state_passes`, one element per kind of pass,
 * and so does what came of it.
 *
 * They run with softirqs on: packets may be judged in the middle of them, on this CPU as well. Hence
 * a walk of their own, and every change of a state is one that the packet path makes, too.
 */
#ifndef BW_REJUDGE_H
#define BW_REJUDGE_H

#include "judge.h"
#include "state_filter.h"
#include "sweep.h"

/* The walk for one state, with a copy of it; NULL: that is not alive. */
static __always_inline struct walk *pass_begin(struct state_key *key, struct state *s)
{
	struct walk *w = walk_begin(WALK_PASS);

	if (!w)
		return NULL;
	/* No frame is spoofed here. */
	w->frame.side = SIDE_INSIDE;
	__builtin_memcpy(&w->key, key, sizeof(w->key));
	__builtin_memcpy(&w->state, s, sizeof(w->state));
	w->flow.family = w->key.family;
	return state_gone(&w->state, &w->key, w->now) ? NULL : w;
}

/* How many live states the generation in a slot would refuse. Changes nothing. */
static __always_inline void count_if_refused(struct visit *v, struct state_key *key,
					     struct state *s)
{
	struct state_pass *pass = pass_of(PASS_COUNT);
	struct walk *w = pass_begin(key, s);

	if (!pass || !w)
		return;
	pass->live++;
	w->flow.slot = pass->slot;
	if (rejudge(w, &w->state))
		pass->hit++;
}

VISITOR(count_refused, count_if_refused, struct state_key, struct state)

/*
 * Ends the pending state that w->state is a copy of. Its slot may have been handed to a stranger while
 * we looked at it: what is deleted must still be what was judged.
 */
static __always_inline int pending_end(struct walk *w)
{
	struct state *now = bpf_map_lookup_elem(&pending, &w->key);

	return now && now->born == w->state.born && now->epoch == w->state.epoch &&
	       !bpf_map_delete_elem(&pending, &w->key);
}

/* One that is accepted is left alone: it is only ever replaced whole, which is for its packets. */
static __always_inline void refuse_pending(struct walk *w, struct state_pass *pass)
{
	int reason = rejudge(w, &w->state);

	if (reason && pending_end(w)) {
		session_over(w, &w->state, SESSION_CUT);
		event_emit(w, EVENT_STATE_CUT, reason);
		pass->hit++;
	}
}

/* The state itself, and w->state as it is now; NULL: it is gone. */
static __always_inline struct state *established_again(struct walk *w)
{
	struct state *s = bpf_map_lookup_elem(&established, &w->key);

	if (!s)
		return NULL;
	__builtin_memcpy(&w->state, s, sizeof(w->state));
	return state_gone(&w->state, &w->key, w->now) ? NULL : s;
}

static __always_inline void refuse_established(struct walk *w, struct state_pass *pass)
{
	struct state *s = established_again(w);

	if (!s)
		return;
	rejudge_established(w, s);
	if (phase_of(*(volatile __u32 *)&s->word) == PHASE_DYING)
		pass->hit++;
	else if (*(volatile __u32 *)&s->epoch != w->epoch)
		pass->missed++;
}

/*
 * Ends the live states that the generation of now refuses, as their next packet would, and gives the
 * others their new rules. A generation on trial refuses and cuts nothing.
 */
static __always_inline void cut_if_refused(struct visit *v, struct state_key *key, struct state *s)
{
	struct state_pass *pass = pass_of(PASS_CUT);
	struct walk *w = pass_begin(key, s);

	if (!pass || !w || !enter_generation(w) || w->tentative)
		return;
	pass->live++;
	if (w->state.epoch == w->epoch)
		return;
	if (v->table == VISIT_PENDING)
		refuse_pending(w, pass);
	else
		refuse_established(w, pass);
}

VISITOR(cut_refused, cut_if_refused, struct state_key, struct state)

static __always_inline int kill_established(struct walk *w, struct state_pass *pass)
{
	struct state *s = established_again(w);

	if (!s || !filter_matches(&pass->filter, &w->key, &w->state, w->now))
		return 0;
	return state_kill(w, s);
}

/* Ends the live states that a filter matches, allowed or not. */
static __always_inline void kill_if_matching(struct visit *v, struct state_key *key,
					     struct state *s)
{
	struct state_pass *pass = pass_of(PASS_KILL);
	struct walk *w = pass_begin(key, s);
	int ended;

	if (!pass || !w)
		return;
	enter_generation(w);
	pass->live++;
	if (!filter_matches(&pass->filter, &w->key, &w->state, w->now))
		return;
	ended = v->table == VISIT_PENDING ? pending_end(w) : kill_established(w, pass);
	if (ended > 0) {
		session_over(w, &w->state, SESSION_KILLED);
		pass->hit++;
	} else if (ended < 0) {
		pass->missed++;
	}
}

VISITOR(kill_states, kill_if_matching, struct state_key, struct state)

#endif
