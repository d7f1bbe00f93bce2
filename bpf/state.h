/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections: keys, lifetimes, and the moves between the two tables.
 *
 * Half-open and one-way connections live in `pending`, an LRU that a flood may turn over as it
 * likes; a connection moves to `established`, a plain hash that evicts nothing, when both ways were
 * seen. Entries of `pending` are only ever replaced whole: the LRU may hand a slot to a stranger
 * while a packet still holds a pointer to it. Entries of `established` are changed in place; only
 * the sweep deletes them, in two passes (sweep.h). A key may stand in both: the connection that is
 * established, and one that would take its place (track.h).
 */
#ifndef BW_STATE_H
#define BW_STATE_H

#include <linux/errno.h>
#include "account.h"
#include "changes.h"
#include "holders.h"
#include "protocols.h"
#include "session.h"
#include "tcp_follow.h"
#include "tcp_options.h"

/* The request that a query message belongs to (nf_conntrack_proto_icmp.c, ..._icmpv6.c); *reply: it
 * is the answer. 0: no query, it belongs to no connection of its own. */
static __always_inline __u8 icmp_request(struct frame *f, int *reply)
{
	if (f->family == 6) {
		*reply = f->icmp_type == 129;
		return *reply || f->icmp_type == 128 ? 128 : 0;
	}
	switch (f->icmp_type) {
	case 8:
	case 13:
	case 15:
	case 17:
		*reply = 0;
		return f->icmp_type;
	case 0:
		*reply = 1;
		return 8;
	case 14:
	case 16:
	case 18:
		*reply = 1;
		return f->icmp_type - 1;
	}
	return 0;
}

/* Bit of high_port for ICMP: the higher address is the one that asks. Keeps the pings of two hosts
 * that ping each other with one identifier apart. */
enum icmp_key {
	ICMP_HIGH_ASKS = 0x100,
};

static __always_inline int key_icmp(struct walk *w, struct frame *f)
{
	int reply = 0;
	__u16 request = icmp_request(f, &reply);

	if (!request)
		return -1;
	if (w->from_high ^ reply)
		request |= ICMP_HIGH_ASKS;
	w->key.low_port = f->sport;
	w->key.high_port = bpf_htons(request);
	w->may_open = !reply;
	return 0;
}

/* Fills w->key, from_high and may_open by a frame, or by the quote of one. Returns -1 for what
 * belongs to no connection. */
static __always_inline int key_of(struct walk *w, struct frame *f)
{
	struct state_key *key = &w->key;

	w->from_high = address_above(&f->src, &f->dst);
	scratch_copy(&key->low, w->from_high ? &f->dst : &f->src);
	scratch_copy(&key->high, w->from_high ? &f->src : &f->dst);
	key->tag[0] = f->tag[0];
	key->tag[1] = f->tag[1];
	key->proto = f->proto;
	key->family = f->family;
	key->pad[0] = 0;
	key->pad[1] = 0;
	key->low_port = 0;
	key->high_port = 0;
	if (is_icmp(f->family, f->proto))
		return key_icmp(w, f);
	if (f->flags & FRAME_PORTS) {
		key->low_port = w->from_high ? f->dport : f->sport;
		key->high_port = w->from_high ? f->sport : f->dport;
	}
	if (f->proto == IPPROTO_TCP)
		w->may_open = tcp_opens(f->tcp_flags);
	else if (f->proto == IPPROTO_SCTP)
		w->may_open = !!(f->flags & FRAME_SCTP_INIT);
	else
		w->may_open = 1;
	return 0;
}

static __always_inline __u64 timeout_of(struct state_key *key, __u32 phase)
{
	__u32 index = TIMEOUT_OTHER;
	__u64 *t;

	if (key->proto == IPPROTO_TCP)
		index = TIMEOUT_TCP + (phase & 15);
	else if (key->proto == IPPROTO_UDP)
		index = phase == PHASE_BOTH_WAYS ? TIMEOUT_UDP_STREAM : TIMEOUT_UDP;
	else if (key->proto == IPPROTO_SCTP)
		index = phase == PHASE_BOTH_WAYS ? TIMEOUT_SCTP_ESTABLISHED : TIMEOUT_SCTP;
	else if (is_icmp(key->family, key->proto))
		index = TIMEOUT_ICMP;
	t = bpf_map_lookup_elem(&timeouts, &index);
	return t ? *t : 0;
}

static __always_inline __u32 phase_of(__u32 word)
{
	return word & STATE_PHASE;
}

/* PHASE_NONE: somebody is about to free its slot, or to fill it again. */
static __always_inline int phase_over(__u32 phase)
{
	return phase == PHASE_DYING || phase == PHASE_NONE;
}

/* Absent for packets, although its slot may not be free yet. */
static __always_inline int state_gone(struct state *s, struct state_key *key, __u64 now)
{
	__u32 phase = phase_of(s->word);

	return phase_over(phase) || (__s64)(now - s->seen) > (__s64)timeout_of(key, phase);
}

/* Both ways seen: the place is `established`. */
static __always_inline int phase_settled(__u32 phase)
{
	return (phase >= PHASE_ESTABLISHED && phase <= PHASE_TIME_WAIT) || phase == PHASE_BOTH_WAYS;
}

enum due_tries {
	DUE_TRIES = 4,		/* one that loses them all is freed late: a pass comes all the same */
};

/*
 * Says that a state of `established` wants a pass of the sweep at that time. After the state says so
 * itself: whoever sets the word back looks at the states after.
 */
static __always_inline void sweep_by(__u64 when)
{
	__u32 zero = 0, i;
	__u64 *due = bpf_map_lookup_elem(&sweep_due, &zero), before;

	for (i = 0; due && i < DUE_TRIES; i++) {
		before = *(volatile __u64 *)due;
		if (before <= when || __sync_val_compare_and_swap(due, before, when) == before)
			return;
	}
}

/* The same for one whose phase is another since this packet. */
static __always_inline void sweep_after(struct walk *w, __u32 phase)
{
	sweep_by(w->now + timeout_of(&w->key, phase));
}

/* Its word has moved away from this one, and whoever moved it is to call: it counts no more. */
static __always_inline void state_uncount(struct state_key *key, struct state *s, __u32 word,
					  __u32 slot)
{
	if (phase_counts(phase_of(word)))
		count_state(key, word, s->rule_in, slot, COUNT_REMOVE);
}

/* The frame moved an established state. Where it closed it, that counts no more, and is told. */
static __always_inline void state_moved(struct walk *w, struct state *s)
{
	if (!(w->moved & MOVED_OUT))
		return;
	count_state(&w->key, s->word, s->rule_in, w->flow.slot, COUNT_REMOVE);
	change_ended(&w->key, s->born, phase_of(s->word));
}

/* Another packet has promoted the state already: what this one moves is moved there. */
static __always_inline void state_catch_up(struct walk *w, struct state *s)
{
	w->moved = 0;
	sweep_after(w, tcp_follow(s, w->kind));
	state_moved(w, s);
}

/* Ends a state in place, unless a packet has moved its word meanwhile. Returns whether it did. The
 * time goes first: the sweep counts from it. `slot` is the generation that judges. */
static __always_inline int state_end(struct state_key *key, struct state *s, __u32 word, __u64 now,
				     __u32 slot)
{
	s->seen = now;
	if (__sync_val_compare_and_swap(&s->word, word, (word & ~STATE_PHASE) | PHASE_DYING) != word)
		return 0;
	sweep_by(now);
	state_uncount(key, s, word, slot);
	if (phase_counts(phase_of(word)))
		change_ended(key, s->born, PHASE_DYING);
	return 1;
}

enum kill_tries {
	KILL_TRIES = 4,		/* against packets that move a state at the same moment */
};

/* Ends a state in place. 1: done, 0: it was over, -1: packets move it all the time. */
static __always_inline int state_kill(struct walk *w, struct state *s)
{
	__u32 word, i;

	for (i = 0; i < KILL_TRIES; i++) {
		word = *(volatile __u32 *)&s->word;
		if (phase_of(word) == PHASE_DYING || phase_of(word) == PHASE_NONE)
			return 0;
		if (state_end(&w->key, s, word, w->now, w->flow.slot))
			return 1;
	}
	return -1;
}

/* Takes a slot that is over for oneself: the sweep before it frees it, a packet before it fills it
 * again. Time first: the sweep counts from it. */
static __always_inline int state_claim(struct state *s, __u32 word, __u64 now)
{
	s->seen = now;
	return __sync_val_compare_and_swap(&s->word, word, word & ~STATE_PHASE) == word;
}

/*
 * Writes `from` into a slot of the same key that is over. For packets it is absent until its word is
 * there, which comes last. Whoever still holds the slot from before holds it by the same key: edges
 * and words that it swaps are no longer what it saw.
 */
static __always_inline int state_refill(struct walk *w, struct state *s, __u32 word)
{
	struct state *from = &w->state;

	if (phase_of(word) == PHASE_NONE || !state_claim(s, word, w->now))
		return -1;
	state_uncount(&w->key, s, word, w->flow.slot);
	s->born = from->born;
	s->rule_out = from->rule_out;
	s->rule_in = from->rule_in;
	s->epoch = from->epoch;
	__builtin_memcpy(s->tcp, from->tcp, sizeof(s->tcp));
	s->seen = from->seen;
	__sync_val_compare_and_swap(&s->word, word & ~STATE_PHASE, from->word);
	return 0;
}

/* Counts apart what is established although nobody saw its handshake. */
static __always_inline void state_promoted(struct walk *w)
{
	if (w->state.word & STATE_PICKED_UP)
		count_picked_up(&w->frame);
}

/* One more established state. Not one too many, unless it takes the place of another or nobody sweeps:
 * then nothing is known of how many there are. Returns a reason. */
static __always_inline int state_count(struct walk *w)
{
	struct state *s = &w->state;
	__u32 act = w->succeeds || !w->believed ? COUNT_ADD : COUNT_ADD_WITHIN;

	if (w->frame.flags & FRAME_DRY)
		act = COUNT_LOOK;
	s->word = (s->word & ~STATE_COLOUR) | colour_now();
	return count_state(&w->key, s->word, s->rule_in, w->flow.slot, act);
}

/*
 * Puts w->state into established, where there is room for it. Another CPU may do the same at this
 * moment: the loser of NOEXIST finds a live state, and what its packet moved is moved there, too. A
 * namesake that is over gives its slot; should the sweep free it just then, the connection stays in
 * pending until its next packet. Returns a reason; *added: it is there.
 */
static __always_inline int state_settle(struct walk *w, int *added)
{
	struct state *old;
	__u32 word;
	int err;	/* on 6.1 only that half of the result counts */

	err = bpf_map_update_elem(&established, &w->key, &w->state, BPF_NOEXIST);
	if (!err) {
		*added = 1;
		bpf_map_delete_elem(&pending, &w->key);
		state_promoted(w);
		return 0;
	}
	old = bpf_map_lookup_elem(&established, &w->key);
	if (!old && err != -EEXIST)
		return REASON_TABLE_FULL;
	if (!old) {
		bpf_map_update_elem(&pending, &w->key, &w->state, BPF_ANY);
		return 0;
	}
	word = *(volatile __u32 *)&old->word;
	if (!state_gone(old, &w->key, w->now)) {
		if (w->frame.proto == IPPROTO_TCP)
			state_catch_up(w, old);
	} else if (state_refill(w, old, word)) {
		bpf_map_update_elem(&pending, &w->key, &w->state, BPF_ANY);
		return 0;
	} else {
		state_promoted(w);
		*added = 1;
	}
	bpf_map_delete_elem(&pending, &w->key);
	return 0;
}

/* Would it be one too many? Changes nothing. */
static __always_inline int state_foresee(struct walk *w)
{
	if (w->succeeds || !w->believed || !generation_has(w->flow.slot, GENERATION_HOLDERS))
		return 0;
	return state_count(w);
}

/* Moves w->state from pending to established. Returns a reason. */
static __always_inline int state_promote(struct walk *w)
{
	int counted = generation_has(w->flow.slot, GENERATION_HOLDERS), added = 0, reason;
	struct state *old;

	/* Whoever completes another handshake has no connection any more. */
	if (w->succeeds) {
		w->verdict.flags |= VERDICT_NEW;
		old = bpf_map_lookup_elem(&established, &w->key);
		if (old)
			state_kill(w, old);
	}
	if (counted) {
		reason = state_count(w);
		if (reason)
			return reason;
	}
	reason = state_settle(w, &added);
	if (added)
		change_opened(w->kind);
	if (counted && !added)
		state_uncount(&w->key, &w->state, w->state.word, w->flow.slot);
	return reason;
}

/* Makes w->state one of the flow that was judged last, without windows. */
static __always_inline void state_begin(struct walk *w, __u32 phase, __u32 opener_high)
{
	struct state *s = &w->state;
	struct verdict *v = &w->verdict;
	__u32 low = opener_high ? VERDICT_DESTINATION_SCREENED : VERDICT_SOURCE_SCREENED;
	__u32 high = opener_high ? VERDICT_SOURCE_SCREENED : VERDICT_DESTINATION_SCREENED;
	__u32 word = phase;

	word |= opener_high ? STATE_ORIG_HIGH : 0;
	word |= v->flags & low ? STATE_LOW_SCREENED : 0;
	word |= v->flags & high ? STATE_HIGH_SCREENED : 0;
	word |= v->rule_transit ? STATE_TRANSIT : 0;
	word |= v->detour ? STATE_DETOUR : 0;
	word |= w->related;
	s->seen = w->now;
	s->born = born_now(w->now);
	s->word = word;
	s->epoch = w->epoch;
	s->rule_out = v->rule_transit ? v->rule_transit : v->rule_out;
	s->rule_in = v->rule_in;
}

/* Has w->state, which is new, counted and told of, if that is asked for. */
__noinline int session_begins(__u32 kind)
{
	struct walk *w = walk_here(kind);

	if (!w)
		return 0;
	w->verdict.flags &= ~VERDICT_COUNTED;
	session_open(kind, w->verdict.flags & VERDICT_SESSION);
	if (w->state.word & STATE_COUNTED)
		session_note(w, w->state.born, phase_of(w->state.word));
	return 0;
}

/* A new connection, after the matrix allowed it. Returns a reason, 0: there. */
static __always_inline int state_open(struct walk *w)
{
	struct state *s = &w->state;

	state_begin(w, w->frame.proto == IPPROTO_TCP ? PHASE_SYN_SENT : PHASE_ONE_WAY,
		    w->from_high);
	if (w->frame.proto == IPPROTO_TCP) {
		read_syn_options(w);
		tcp_open(w, s);
	} else {
		__builtin_memset(s->tcp, 0, sizeof(s->tcp));
	}
	session_begins(w->kind);
	if (w->reopens) {
		struct state *old = bpf_map_lookup_elem(&established, &w->key);

		if (old)
			state_kill(w, old);
	}
	return bpf_map_update_elem(&pending, &w->key, s, BPF_ANY) ? REASON_TABLE_FULL : 0;
}

#endif
