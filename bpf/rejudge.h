/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Iterators that judge, or end, live states at the asking of the control plane, sliced like those of
 * the sweep (sweep.h). What they shall do stands in `state_passes`, one element per kind of pass,
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
static __always_inline struct walk *pass_begin(struct bpf_iter__bpf_map_elem *ctx)
{
	struct state *s = ctx->value;
	void *raw = ctx->key;
	struct walk *w;

	if (!raw || !s)
		return NULL;
	w = walk_begin(WALK_PASS);
	if (!w)
		return NULL;
	/* No frame is spoofed here. */
	w->frame.side = SIDE_INSIDE;
	__builtin_memcpy(&w->key, raw, sizeof(w->key));
	__builtin_memcpy(&w->state, s, sizeof(w->state));
	w->flow.family = w->key.family;
	return state_gone(&w->state, &w->key, w->now) ? NULL : w;
}

/* How many live states the generation in a slot would refuse. Changes nothing. */
SEC("iter/bpf_map_elem")
int count_refused(struct bpf_iter__bpf_map_elem *ctx)
{
	struct state_pass *pass = pass_of(PASS_COUNT);
	struct walk *w = pass_begin(ctx);

	if (pass && w) {
		pass->live++;
		w->flow.slot = pass->slot;
		if (rejudge(w, &w->state))
			pass->hit++;
	}
	if (ctx->key)
		slice(ctx);
	return 0;
}

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

static __always_inline void refuse_established(struct walk *w, struct state *s,
					       struct state_pass *pass)
{
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
SEC("iter/bpf_map_elem")
int cut_refused(struct bpf_iter__bpf_map_elem *ctx)
{
	struct state_pass *pass = pass_of(PASS_CUT);
	struct walk *w = pass_begin(ctx);
	struct state *s = ctx->value;

	if (pass && w && s && enter_generation(w) && !w->tentative) {
		pass->live++;
		if (w->state.epoch == w->epoch)
			;
		else if (is_pending(ctx))
			refuse_pending(w, pass);
		else
			refuse_established(w, s, pass);
	}
	if (ctx->key)
		slice(ctx);
	return 0;
}

/* Ends the live states that a filter matches, allowed or not. */
SEC("iter/bpf_map_elem")
int kill_states(struct bpf_iter__bpf_map_elem *ctx)
{
	struct state_pass *pass = pass_of(PASS_KILL);
	struct walk *w = pass_begin(ctx);
	struct state *s = ctx->value;
	int ended;

	if (pass && w && s) {
		enter_generation(w);
		pass->live++;
		if (filter_matches(&pass->filter, &w->key, &w->state, w->now)) {
			ended = is_pending(ctx) ? pending_end(w) : state_kill(w, s);
			if (ended > 0) {
				session_over(w, &w->state, SESSION_KILLED);
				pass->hit++;
			} else if (ended < 0) {
				pass->missed++;
			}
		}
	}
	if (ctx->key)
		slice(ctx);
	return 0;
}

#endif
