/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 5: a frame and its connection. A hit moves the TCP phase, refreshes the state and re-judges
 * it once when the policy changed since; a miss goes on to the matrix.
 */
#ifndef BW_TRACK_H
#define BW_TRACK_H

#include "event.h"
#include "policy.h"
#include "state.h"

enum track_result {
	TRACK_MISS = -1,	/* otherwise a reason; REASON_NONE: accepted */
};

static __always_inline int is_reply(struct walk *w, __u32 word)
{
	return !!w->from_high != !!(word & STATE_ORIG_HIGH);
}

static __always_inline int from_spoofed(struct walk *w, __u32 word)
{
	__u32 screened = w->from_high ? STATE_HIGH_SCREENED : STATE_LOW_SCREENED;

	return w->frame.side == SIDE_UPLINK && word & screened;
}

/* The flow as the state's originator opened it. */
static __always_inline void flow_of_state(struct walk *w, __u32 word)
{
	struct state_key *key = &w->key;
	__u32 high = word & STATE_ORIG_HIGH;
	__u16 port = bpf_ntohs(high ? key->low_port : key->high_port);

	address_copy(&w->flow.src, high ? &key->high : &key->low);
	address_copy(&w->flow.dst, high ? &key->low : &key->high);
	if (is_icmp(key->family, key->proto))
		w->flow.service = (key->family == 4 ? SERVICE_ICMP : SERVICE_ICMP6) +
				  (bpf_ntohs(key->high_port) & 0xff);
	else if (key->proto == IPPROTO_TCP)
		w->flow.service = SERVICE_TCP + port;
	else if (key->proto == IPPROTO_UDP)
		w->flow.service = SERVICE_UDP + port;
	else if (key->proto == IPPROTO_SCTP)
		w->flow.service = SERVICE_SCTP + port;
	else
		w->flow.service = SERVICE_PROTO + key->proto;
}

/*
 * Judges the state's flow under the policy of now and puts rules and screened ends into *s. Returns
 * a reason; REASON_SPOOFED is about this frame alone and leaves the state as it is.
 */
static __always_inline int rejudge(struct walk *w, struct state *s)
{
	struct verdict *v = &w->verdict;
	__u32 high = s->word & STATE_ORIG_HIGH, word = s->word;
	int reason;

	flow_of_state(w, word);
	reason = judge_flow(&w->flow, v, JUDGE_MAY_OPEN);
	word &= ~(STATE_LOW_SCREENED | STATE_HIGH_SCREENED | STATE_TRANSIT);
	if (v->flags & VERDICT_SOURCE_SCREENED)
		word |= high ? STATE_HIGH_SCREENED : STATE_LOW_SCREENED;
	if (v->flags & VERDICT_DESTINATION_SCREENED)
		word |= high ? STATE_LOW_SCREENED : STATE_HIGH_SCREENED;
	if (from_spoofed(w, word)) {
		/* What the policy says of the connection is not said of this frame. */
		v->flags &= ~VERDICT_LOG;
		v->rule_deny = 0;
		return REASON_SPOOFED;
	}
	if (reason)
		return reason;
	v->flags &= ~VERDICT_LOG;
	s->word = v->rule_transit ? word | STATE_TRANSIT : word;
	s->rule_out = v->rule_transit ? v->rule_transit : v->rule_out;
	s->rule_in = v->rule_in;
	s->epoch = w->epoch;
	return 0;
}

static __always_inline void verdict_from_state(struct walk *w, struct state *s)
{
	struct verdict *v = &w->verdict;

	v->rule_transit = s->word & STATE_TRANSIT ? s->rule_out : 0;
	v->rule_out = s->word & STATE_TRANSIT ? 0 : s->rule_out;
	v->rule_in = s->rule_in;
}

/* The phase after this frame, or an enum tcp_step. */
static __always_inline __u32 step(struct walk *w, __u32 word)
{
	int reply = is_reply(w, word);

	if (w->frame.proto == IPPROTO_TCP)
		return tcp_step(phase_of(word), w->frame.tcp_flags, reply);
	return reply ? PHASE_BOTH_WAYS : phase_of(word);
}

/* Last-seen moves at most once a second: a hot state is read by all and written by few. */
static __always_inline int stale(struct state *s, __u64 now)
{
	return now - s->seen >= hz;
}

static __always_inline int step_result(struct walk *w, __u32 next)
{
	if (next == STEP_INVALID)
		return REASON_BAD_PHASE;
	if (next == STEP_NEW) {
		w->reopens = 1;
		return TRACK_MISS;
	}
	return REASON_NONE;
}

/* Re-judges a state of the established table in place. */
static __always_inline int rejudge_established(struct walk *w, struct state *s)
{
	__u32 old = *(volatile __u32 *)&s->word;
	int reason;

	w->state = *s;
	w->state.word = old;
	reason = rejudge(w, &w->state);
	if (reason == REASON_SPOOFED || w->frame.flags & FRAME_DRY)
		return reason;
	if (reason && w->tentative)
		return reason;
	if (reason) {
		state_kill(s, w->now);
		event_emit(w, EVENT_STATE_CUT, reason);
		return reason;
	}
	/* Rules before the epoch: whoever sees the new epoch sees the new rules. Should the phase
	 * move meanwhile, the flags are set with the next frame: the epoch stays old. */
	if (__sync_val_compare_and_swap(&s->word, old, w->state.word) != old)
		return 0;
	s->rule_out = w->state.rule_out;
	s->rule_in = w->state.rule_in;
	*(volatile __u32 *)&s->epoch = w->state.epoch;
	return 0;
}

static __always_inline int hit_established(struct walk *w, struct state *s)
{
	struct state *rules = s;
	__u32 word, next, i;
	int reason;

	w->verdict.phase = phase_of(s->word);
	if (s->epoch != w->epoch) {
		reason = rejudge_established(w, s);
		if (reason)
			return reason;
		/* explain leaves the state alone: its new rules are in the copy. */
		if (w->frame.flags & FRAME_DRY)
			rules = &w->state;
	} else if (from_spoofed(w, s->word)) {
		return REASON_SPOOFED;
	}
	for (i = 0; i < 4; i++) {
		word = *(volatile __u32 *)&s->word;
		next = step(w, word);
		if (next >= STEP_INVALID) {
			verdict_from_state(w, rules);
			return step_result(w, next);
		}
		if (w->frame.flags & FRAME_DRY || next == phase_of(word))
			break;
		if (__sync_val_compare_and_swap(&s->word, word, (word & ~STATE_PHASE) | next) ==
		    word) {
			s->seen = w->now;
			break;
		}
	}
	if (stale(s, w->now) && !(w->frame.flags & FRAME_DRY))
		s->seen = w->now;
	verdict_from_state(w, rules);
	return 0;
}

static __always_inline int hit_pending(struct walk *w, struct state *found)
{
	struct state *s = &w->state;
	__u32 next, changed = 0;
	int reason;

	*s = *found;
	w->verdict.phase = phase_of(s->word);
	if (s->epoch != w->epoch) {
		reason = rejudge(w, s);
		if (reason && reason != REASON_SPOOFED && !w->tentative &&
		    !(w->frame.flags & FRAME_DRY)) {
			bpf_map_delete_elem(&pending, &w->key);
			event_emit(w, EVENT_STATE_CUT, reason);
		}
		if (reason)
			return reason;
		changed = 1;
	} else if (from_spoofed(w, s->word)) {
		return REASON_SPOOFED;
	}
	verdict_from_state(w, s);
	next = step(w, s->word);
	if (next < STEP_INVALID && (next != phase_of(s->word) || stale(s, w->now))) {
		s->word = (s->word & ~STATE_PHASE) | next;
		s->seen = w->now;
		changed = 1;
	}
	if (w->frame.flags & FRAME_DRY)
		return next < STEP_INVALID ? 0 : step_result(w, next);
	if (next < STEP_INVALID && phase_settled(next))
		return state_promote(w);
	if (changed)
		bpf_map_update_elem(&pending, &w->key, s, BPF_ANY);
	reason = next < STEP_INVALID ? 0 : step_result(w, next);
	w->reopens = 0;
	return reason;
}

static __always_inline struct state *find(struct walk *w, void *table)
{
	struct state *s = bpf_map_lookup_elem(table, &w->key);

	return s && !state_gone(s, &w->key, w->now) ? s : NULL;
}

/* Looks in established, pending, and established again: another CPU may promote in between. */
__noinline int track(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct state *s;
	int reason;

	if (!w)
		return REASON_NO_POLICY;
	s = find(w, &established);
	if (s)
		return hit_established(w, s);
	s = find(w, &pending);
	if (s) {
		reason = hit_pending(w, s);
		if (reason == REASON_TABLE_FULL)
			event_emit(w, EVENT_TABLE_FULL, reason);
		return reason;
	}
	s = find(w, &established);
	return s ? hit_established(w, s) : TRACK_MISS;
}

#endif
