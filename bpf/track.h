/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 5: a frame and its connection. A hit moves the TCP phase, refreshes the state and re-judges
 * it once when the policy changed since; a miss goes on to the matrix.
 */
#ifndef BW_TRACK_H
#define BW_TRACK_H

#include "account.h"
#include "adopt.h"
#include "event.h"
#include "expect.h"
#include "mid_stream.h"
#include "policy.h"
#include "state.h"

enum track_result {
	TRACK_MISS = -1,	/* otherwise a reason; REASON_NONE: accepted */
	TRACK_SUCCESSOR = -2,	/* may be of the connection in pending that would take its place */
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
	__u8 type = bpf_ntohs(key->high_port) & 0xff;

	address_copy(&w->flow.src, high ? &key->high : &key->low);
	address_copy(&w->flow.dst, high ? &key->low : &key->high);
	flow_in(&w->flow, key->tag);
	w->flow.service = service_code(key->family, key->proto, port, type);
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
	if (word & STATE_RELATED && lacks_rule(&w->flow, reason))
		reason = rejudge_related(w, reason);
	word &= ~(STATE_LOW_SCREENED | STATE_HIGH_SCREENED | STATE_TRANSIT | STATE_DETOUR);
	word |= v->detour ? STATE_DETOUR : 0;
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

/* Of another epoch; or what its rule asks for beside passing has to be found. */
static __always_inline int judge_anew(struct walk *w, struct state *s)
{
	return s->epoch != w->epoch || s->word & STATE_DETOUR;
}

static __always_inline void verdict_from_state(struct walk *w, struct state *s)
{
	struct verdict *v = &w->verdict;

	v->rule_transit = s->word & STATE_TRANSIT ? s->rule_out : 0;
	v->rule_out = s->word & STATE_TRANSIT ? 0 : s->rule_out;
	v->rule_in = s->rule_in;
}

/* Last-seen moves at most once a second: a hot state is read by all and written by few. */
static __always_inline int stale(struct state *s, __u64 now)
{
	return now - s->seen >= hz;
}

/* Out of window: dropped, unless the node is liberal. A reset never passes: it would close what
 * nothing shows to be closed (as with nf_conntrack_tcp_be_liberal). */
static __always_inline int out_of_window(struct walk *w)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	if (!n || !n->liberal || w->frame.tcp_flags & TCP_RST)
		return REASON_OUT_OF_WINDOW;
	if (!(w->frame.flags & FRAME_DRY))
		count_outcome(&w->frame, OUTCOME_LIBERAL);
	return REASON_NONE;
}

static __always_inline int step_result(struct walk *w, __u32 next)
{
	if (next == STEP_INVALID)
		return REASON_BAD_PHASE;
	if (next == STEP_OUT)
		return out_of_window(w);
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
		session_over(w, &w->state, SESSION_CUT);
		state_kill(w, s);
		event_emit(w, EVENT_STATE_CUT, reason);
		return reason;
	}
	if (w->key.proto == IPPROTO_TCP && is_adopted(s))
		w->state.word = adopt(s, w->kind);
	/* Rules before the epoch: whoever sees the new epoch sees the new rules. Should the phase
	 * move meanwhile, the flags are set with the next frame: the epoch stays old. */
	if (__sync_val_compare_and_swap(&s->word, old, w->state.word) != old)
		return 0;
	s->rule_out = w->state.rule_out;
	s->rule_in = w->state.rule_in;
	*(volatile __u32 *)&s->epoch = w->state.epoch;
	return 0;
}

/* Not TCP: one bit of phase, both ways or not. Returns the phase after. */
static __always_inline __u32 follow_plain(struct walk *w, struct state *s)
{
	__u32 word = *(volatile __u32 *)&s->word;
	__u32 next = is_reply(w, word) ? PHASE_BOTH_WAYS : phase_of(word);

	if (next != phase_of(word) && !(w->frame.flags & FRAME_DRY))
		__sync_val_compare_and_swap(&s->word, word, (word & ~STATE_PHASE) | next);
	return next;
}

static __always_inline __u32 follow(struct walk *w, struct state *s)
{
	w->moved = 0;
	return w->frame.proto == IPPROTO_TCP ? tcp_follow(s, w->kind) : follow_plain(w, s);
}

static __always_inline struct state *find(struct walk *w, void *table)
{
	struct state *s = bpf_map_lookup_elem(table, &w->key);

	return s && !state_gone(s, &w->key, w->now) ? s : NULL;
}

/* One way alone does not keep what was picked up: when its time is over, it may begin again or not. */
static __always_inline int refreshes(struct walk *w, struct state *s, __u32 phase)
{
	return phase != PHASE_MID_STREAM && stale(s, w->now);
}

/*
 * Has the sender of a segment shown with it that it got what was sent to its address? Whoever answers a SYN
 * by acknowledging its number, and whoever acknowledges that answer.
 */
static __always_inline int completes_handshake(__u32 before, __u32 next)
{
	if (before == PHASE_SYN_SENT)
		return next == PHASE_SYN_RECV;
	return before == PHASE_SYN_RECV && phase_settled(next);
}

static __always_inline void note_proof(struct walk *w)
{
	__u32 slot = w->flow.slot;
	struct generation *g = bpf_map_lookup_elem(&generations, &slot);

	if (g && g->flags & GENERATION_ON_DROP)
		w->verdict.flags |= VERDICT_WATCHED;
}

__noinline int hit_pending(struct state *found, __u32 kind)
{
	struct walk *w = walk_here(kind);
	__u32 before, next, changed = 0;
	struct state *s, *other;
	int reason, late;

	if (!w || !found)
		return REASON_NO_POLICY;
	s = &w->state;
	*s = *found;
	before = phase_of(s->word);
	w->verdict.phase = before;
	if (judge_anew(w, s)) {
		reason = rejudge(w, s);
		if (reason && reason != REASON_SPOOFED && !w->tentative &&
		    !(w->frame.flags & FRAME_DRY)) {
			session_over(w, s, SESSION_CUT);
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
	next = before == PHASE_MID_STREAM ? mid_stream_follow(kind) : follow(w, s);
	if (s->word & STATE_COUNTED)
		session_note(w, s->born, next < STEP_INVALID ? next : before);
	if (w->frame.flags & FRAME_DRY && next < STEP_INVALID)
		return phase_settled(next) ? state_foresee(w) : 0;
	if (w->frame.flags & FRAME_DRY)
		return step_result(w, next);
	if (next < STEP_INVALID && (next != before || refreshes(w, s, before))) {
		s->seen = w->now;
		changed = 1;
	}
	if (next < STEP_INVALID && completes_handshake(before, next))
		note_proof(w);
	if (next < STEP_INVALID && phase_settled(next)) {
		reason = state_promote(w);
		sweep_after(w, next);
		return reason;
	}
	if (changed || w->moved)
		bpf_map_update_elem(&pending, &w->key, s, BPF_ANY);
	/* Another CPU may have promoted it since it was found: then this came too late. */
	late = before == PHASE_SYN_RECV || before == PHASE_MID_STREAM;
	other = late && !w->succeeds ? find(w, &established) : NULL;
	if (other) {
		bpf_map_delete_elem(&pending, &w->key);
		state_catch_up(w, other);
	}
	reason = next < STEP_INVALID ? 0 : step_result(w, next);
	w->reopens = 0;
	return reason;
}

/*
 * A SYN inside a connection changes nothing: the peer will challenge it (RFC 5961 4). But the peer
 * may have forgotten the connection, or reuse it out of TIME-WAIT by its timestamps (RFC 6191), and
 * answer. So the SYN is kept in pending, under the same key, and what is out of window for the
 * connection may be of its successor; that takes over when its handshake is complete, and not before.
 */
static __always_inline void keep_successor(struct walk *w, struct state *s)
{
	struct state *to = &w->state, *kept = find(w, &pending);
	__u32 other = !w->from_high;

	if (kept && side_known(kept->word, w->from_high & 1) &&
	    kept->tcp[other].acked == w->frame.tcp.seq + 1)
		return;
	*to = *s;
	to->word &= STATE_ORIG_HIGH | STATE_LOW_SCREENED | STATE_HIGH_SCREENED | STATE_TRANSIT |
		    STATE_DETOUR | STATE_RELATED;
	to->word |= PHASE_SYN_SENT;
	to->seen = w->now;
	to->born = born_now(w->now);
	tcp_open(w, to);
	session_succeeds(w, s);
	bpf_map_update_elem(&pending, &w->key, to, BPF_ANY);
}

/* Of a connection that both ends have closed no SYN-ACK is late: servers choose their next number not far
 * above the last (RFC 9293 3.6.1), so one within its window answers the SYN that is kept. And a reset that
 * would be late may be of who gives up that handshake. */
static __always_inline int answers_anew(struct walk *w, __u32 next)
{
	__u32 flags = w->frame.tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST), phase = w->verdict.phase;

	return next == STEP_IGNORE && phase >= PHASE_LAST_ACK && phase <= PHASE_CLOSE &&
	       (flags == (TCP_SYN | TCP_ACK) || flags == TCP_RST);
}

/* May a segment that is out of window be of a successor? Of one that only its opener knows, the
 * answer to its SYN. */
static __always_inline int has_successor(struct walk *w, __u32 next)
{
	__u8 flags = w->frame.tcp_flags;
	struct state *p;

	if (next != STEP_OUT && !answers_anew(w, next))
		return 0;
	p = find(w, &pending);
	if (!p)
		return 0;
	if (phase_of(p->word) == PHASE_SYN_SENT)
		return flags & TCP_ACK && flags & (TCP_SYN | TCP_RST) && is_reply(w, p->word);
	return phase_of(p->word) == PHASE_SYN_RECV;
}

__noinline int hit_established(struct state *s, __u32 kind)
{
	struct walk *w = walk_here(kind);
	struct state *rules = s;
	int reason, dry;
	__u32 next;

	if (!w || !s)
		return REASON_NO_POLICY;
	dry = w->frame.flags & FRAME_DRY;
	w->verdict.phase = phase_of(s->word);
	if (judge_anew(w, s)) {
		reason = rejudge_established(w, s);
		if (reason)
			return reason;
		/* explain leaves the state alone: its new rules are in the copy. */
		if (dry)
			rules = &w->state;
	} else if (from_spoofed(w, s->word)) {
		return REASON_SPOOFED;
	}
	verdict_from_state(w, rules);
	next = follow(w, s);
	if (s->word & STATE_COUNTED)
		session_note(w, s->born, next < STEP_INVALID ? next : w->verdict.phase);
	if (next >= STEP_INVALID) {
		if (has_successor(w, next)) {
			w->succeeds = 1;
			return TRACK_SUCCESSOR;
		}
		if (!dry && next == STEP_IGNORE && tcp_opens(w->frame.tcp_flags))
			keep_successor(w, s);
		reason = step_result(w, next);
		if (!dry && next == STEP_OUT && !reason && stale(s, w->now))
			s->seen = w->now;
		return reason;
	}
	if (dry)
		return 0;
	if (next != w->verdict.phase) {
		s->seen = w->now;
		sweep_after(w, next);
		state_moved(w, s);
	} else if (stale(s, w->now)) {
		s->seen = w->now;
	}
	return 0;
}

/* Whoever promotes a state has it in established before it leaves pending: asked in this order, one of the
 * two has it. */
__noinline int track(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct state *s, *half_open;
	__u32 phase = PHASE_NONE;
	int reason;

	if (!w)
		return REASON_NO_POLICY;
	half_open = find(w, &pending);
	s = find(w, &established);
	if (s || half_open)
		read_syn_options(w);
	if (s) {
		reason = hit_established(s, kind);
		if (reason != TRACK_SUCCESSOR)
			return reason;
		phase = w->verdict.phase;
		half_open = find(w, &pending);
	}
	if (!half_open)
		return TRACK_MISS;
	reason = hit_pending(half_open, kind);
	if (reason == REASON_TABLE_FULL)
		event_emit(w, EVENT_TABLE_FULL, reason);
	w->verdict.phase = phase ? phase : w->verdict.phase;
	return reason;
}

#endif
