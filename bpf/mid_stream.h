/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP without its handshake, before both ends have agreed on their numbers: what each said last is
 * kept, in its own side of a state in `pending`. The first segment that fits what the *other* end
 * said establishes it, strict from then on. So who can forge one end only gets nowhere, and does not
 * keep the true ends from agreeing: what he says takes the place of what that end said, and the next
 * word of either true end is measured against the other's.
 */
#ifndef BW_MID_STREAM_H
#define BW_MID_STREAM_H

#include "window.h"

enum mid_stream_sizes {
	WIDEST_FLIGHT = 1 << 26,	/* bytes under way that it takes for possible */
};

/* What a side said last: `limit` is where its data ends, `end` where its FIN does. */
static __always_inline void mid_stream_keep(struct tcp_look *l)
{
	l->s->end = l->end;
	l->s->limit = l->data_end;
	l->s->window = l->offers;
	l->s->acked = l->ack;
	/* Until the other end has spoken: where it begins, for who quotes it. */
	if (!side_known(l->word, !l->high))
		l->r->acked = l->seq;
	l->word |= TCP_KNOWN << side_shift(l->high);
}

static __always_inline int mid_stream_near(__u32 a, __u32 b, __u32 window)
{
	__u32 flight = ack_window(window);

	if (flight > WIDEST_FLIGHT)
		flight = WIDEST_FLIGHT;
	return !seq_after(a, b + flight) && !seq_before(a, b - flight);
}

/* Does a segment speak of what the other end has sent, and that one of what this end sends? As far
 * apart as may be under way; nobody knows how windows are scaled. */
static __always_inline int mid_stream_agrees(struct tcp_look *l)
{
	return side_known(l->word, !l->high) &&
	       mid_stream_near(l->ack, l->r->end, l->offers) &&
	       mid_stream_near(l->end, l->r->acked, l->r->window);
}

/* The window of a side from what both said last. It may have filled what the other end offers, and
 * both may have been late; after a FIN there is nothing more. */
static __always_inline void mid_stream_open(struct tcp_side *to, struct tcp_side *own,
					    struct tcp_side *other)
{
	__u32 reach = other->acked + other->window + MAX_ACK_WINDOW;

	if (own->end != own->limit)
		reach = other->acked;
	to->end = seq_max(own->end, reach);
	to->limit = seq_max(own->end, reach);
	to->window = own->window;
	if (other->end == other->limit)
		to->window = widened(own->window + MAX_ACK_WINDOW);
	to->acked = own->acked;
}

/* Both ends agree: what they said becomes their windows. Returns the phase. */
static __always_inline __u32 mid_stream_settle(struct tcp_look *l)
{
	struct tcp_side sender = *l->s, receiver = *l->r;
	int mine = sender.end != sender.limit, theirs = receiver.end != receiver.limit;

	mid_stream_open(l->s, &sender, &receiver);
	mid_stream_open(l->r, &receiver, &sender);
	if (!mine && !theirs)
		return PHASE_ESTABLISHED;
	if (l->high != theirs)
		l->word |= STATE_FIN_HIGH;
	return mine && theirs ? PHASE_LAST_ACK : PHASE_FIN_WAIT;
}

static __always_inline __u32 mid_stream_step(struct tcp_look *l)
{
	int agrees;

	/* Only what answers the other end's own word; it ends nothing that is not there yet. */
	if (l->flags & TCP_RST)
		return side_known(l->word, !l->high) && l->seq == l->r->acked ? STEP_IGNORE :
										STEP_OUT;
	if (l->flags & TCP_SYN)
		return l->flags & TCP_ACK ? STEP_INVALID : STEP_NEW;
	agrees = mid_stream_agrees(l);
	mid_stream_keep(l);
	return agrees ? mid_stream_settle(l) : PHASE_MID_STREAM;
}

/* Follows w->state, a copy: the phase after the frame, or an enum tcp_step. */
__noinline int mid_stream_follow(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct tcp_look l;
	__u32 next;

	if (!w)
		return STEP_INVALID;
	w->moved = 0;
	look(&l, w, &w->state, w->state.word);
	next = mid_stream_step(&l);
	if (next < STEP_INVALID) {
		w->state.word = (l.word & ~STATE_PHASE) | next;
		w->moved = 1;
	}
	return next;
}

/* The first segment of a new w->state. */
static __always_inline void mid_stream_begin(struct walk *w)
{
	struct tcp_look l;

	__builtin_memset(w->state.tcp, 0, sizeof(w->state.tcp));
	look(&l, w, &w->state, w->state.word);
	mid_stream_keep(&l);
	w->state.word = l.word;
}

#endif
