/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP windows: which segment may belong to a connection, by its numbers.
 *
 * After Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (SANE 2000), as
 * nf_conntrack_proto_tcp.c words it, with S the sender of a segment, R its receiver:
 *   I    its data ends at or before what R lets S send (a FIN needs no room of its own)
 *   II   it ends no further below S.end than the widest window that R has offered
 *   III  what it acknowledges, SACK blocks included, was sent: at or before R.end
 *   IV   and lies no further below R.end than MAXACKWINDOW
 * Stricter than both: in I the whole segment counts, not its beginning; a right edge comes from
 * the acknowledgement number alone (RFC 9293 3.8.6), SACK blocks do not push it. What fails II, data
 * acknowledged long ago, is let through unheeded only as far down as MAXACKWINDOW below what R has
 * acknowledged, so that random numbers do not pass; and what fails IV, an acknowledgement of long ago,
 * only where R itself would take it, MAXACKWINDOW below what S acknowledged before (RFC 5961 5.2).
 * Neither counts from what is under way: segments of S, sent by two CPUs, may overtake each other
 * while a whole window is.
 *
 * Both CPUs that handle the two directions may be here at once. Every edge only grows, by
 * compare-and-swap; one that loses more often than it tries leaves the window narrower. A packet
 * that R answers was forwarded after its edges were moved, so R's answer finds them.
 */
#ifndef BW_WINDOW_H
#define BW_WINDOW_H

#include "tcp.h"

enum window_sizes {
	MAX_ACK_WINDOW = 66000,		/* at least: rule IV is loose for delayed duplicates */
	WIDEST_WINDOW = 1 << 30,	/* RFC 7323 2.3 */
	EDGE_TRIES = 4,
};

enum window_bits {
	BOTH_KNOWN = TCP_KNOWN << STATE_LOW_TCP | TCP_KNOWN << STATE_HIGH_TCP,
};

/* A segment and the two sides of its connection. */
struct tcp_look {
	struct tcp_side *s;	/* sender */
	struct tcp_side *r;	/* receiver */
	__u32 word;
	__u32 phase;
	__u32 high;		/* the sender is the higher address */
	__u32 reply;
	__u32 flags;
	__u32 seq;
	__u32 data_end;		/* one past its data, SYN included */
	__u32 end;		/* FIN included */
	__u32 ack;
	__u32 sack;
	__u32 offers;		/* bytes of window, at least one: zero windows are probed */
};

static __always_inline int seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

static __always_inline int seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static __always_inline __u32 seq_max(__u32 a, __u32 b)
{
	return seq_after(a, b) ? a : b;
}

static __always_inline __u32 edge(__u32 *field)
{
	return *(volatile __u32 *)field;
}

static __always_inline __u32 side_shift(__u32 high)
{
	return high ? STATE_HIGH_TCP : STATE_LOW_TCP;
}

static __always_inline __u32 side_known(__u32 word, __u32 high)
{
	return word >> side_shift(high) & TCP_KNOWN;
}

/* Windows scale both ways or not at all (RFC 7323 2.2). */
static __always_inline __u32 scale_of(__u32 word, __u32 high)
{
	if (word & (TCP_UNSCALED << STATE_LOW_TCP | TCP_UNSCALED << STATE_HIGH_TCP))
		return 0;
	return (14 - (word >> side_shift(high) & TCP_SCALE)) & 15;
}

/* SACK blocks are for whoever permitted them (RFC 2018 2); to others they are noise. */
static __always_inline __u32 may_sack(__u32 word, __u32 to_high)
{
	return word >> side_shift(to_high) & TCP_SACK;
}

static __always_inline void look(struct tcp_look *l, struct walk *w, struct state *s, __u32 word)
{
	struct segment *tcp = &w->frame.tcp;
	__u32 window = tcp->window;

	l->high = w->from_high & 1;
	l->s = &s->tcp[l->high];
	l->r = &s->tcp[!l->high];
	l->word = word;
	l->phase = word & STATE_PHASE;
	l->reply = l->high != !!(word & STATE_ORIG_HIGH);
	l->flags = w->frame.tcp_flags;
	l->seq = tcp->seq;
	l->data_end = l->seq + tcp->payload + !!(l->flags & TCP_SYN);
	l->end = l->data_end + (l->flags & TCP_FIN);
	l->ack = tcp->ack;
	l->sack = may_sack(word, !l->high) ? tcp->sack : tcp->ack;
	/* The window of a SYN is never scaled (RFC 7323 2.2). */
	if (!(l->flags & TCP_SYN))
		window <<= scale_of(word, l->high);
	l->offers = window ? window : 1;
}

static __always_inline int both_known(struct tcp_look *l)
{
	return side_known(l->word, l->high) && side_known(l->word, !l->high);
}

static __always_inline void edge_raise(struct walk *w, __u32 *field, __u32 to)
{
	__u32 i, old;

	for (i = 0; i < EDGE_TRIES; i++) {
		old = edge(field);
		if (!seq_after(to, old))
			return;
		w->moved |= MOVED_EDGES;
		if (__sync_val_compare_and_swap(field, old, to) == old)
			return;
	}
}

/* A first value, unless another CPU has put one there meanwhile; then the further of the two. */
static __always_inline void edge_begin(struct walk *w, __u32 *field, __u32 old, __u32 to)
{
	w->moved |= MOVED_EDGES;
	if (__sync_val_compare_and_swap(field, old, to) != old)
		edge_raise(w, field, to);
}

/* ---- rules ---------------------------------------------------------------------------------- */

static __always_inline __u32 ack_window(__u32 window)
{
	return window > MAX_ACK_WINDOW ? window : MAX_ACK_WINDOW;
}

/* Rules I to IV: 0, STEP_OUT, or STEP_IGNORE. */
static __always_inline __u32 tcp_fit(struct tcp_look *l)
{
	__u32 s_end = edge(&l->s->end), r_end = edge(&l->r->end);
	__u32 s_window = edge(&l->s->window), r_window = edge(&l->r->window);
	__u32 unacked = r_end - edge(&l->s->acked), behind = s_end - l->end;

	/* What was sent once may be sent again, whatever the window is now. */
	if (seq_after(l->data_end, seq_max(edge(&l->s->limit), s_end)))
		return STEP_OUT;
	/* Both: a block half a circle further on than what was sent would count as behind it. */
	if (seq_after(l->sack, r_end) || r_end - l->ack > unacked + ack_window(s_window))
		return STEP_OUT;
	/* What is ahead of s_end is far more than half a circle behind it. */
	if (behind > r_window && behind <= 1U << 31) {
		unacked = s_end - edge(&l->r->acked);
		if (!side_known(l->word, !l->high))
			unacked = 0;
		return behind > unacked + ack_window(r_window) ? STEP_OUT : STEP_IGNORE;
	}
	return r_end - l->ack > ack_window(s_window) ? STEP_IGNORE : 0;
}

static __always_inline void tcp_move(struct walk *w, struct tcp_look *l)
{
	edge_raise(w, &l->s->end, l->end);
	edge_raise(w, &l->s->window, l->offers);
	edge_raise(w, &l->s->acked, l->ack);
	edge_raise(w, &l->r->limit, l->ack + l->offers);
}

/*
 * The first segment of a side of which nothing is known: the state is of an older layout, or came
 * without windows. What the other side is known to allow binds it; an acknowledgement may run ahead
 * of what we saw of the other side by as much as this one can ever have offered. Where neither side is
 * known, a state that was another node's has hints: behind them nothing comes any more (adopt.h).
 */
static __always_inline int tcp_plausible(struct tcp_look *l)
{
	__u32 widest = 65535 << scale_of(l->word, l->high);
	__u32 s_end = edge(&l->s->end), r_end = edge(&l->r->end);

	if (!side_known(l->word, !l->high))
		return !s_end || (!seq_before(l->end, s_end - WIDEST_WINDOW) &&
				  !seq_before(l->ack, edge(&l->s->acked) - MAX_ACK_WINDOW));
	return !seq_after(l->data_end, seq_max(edge(&l->s->limit), s_end)) &&
	       !seq_before(l->end, s_end - ack_window(edge(&l->r->window))) &&
	       !seq_after(l->ack, r_end + widest) &&
	       !seq_before(l->ack, r_end - ack_window(widest));
}

/* Twice as much, but not so wide that it would wrap around. */
static __always_inline __u32 widened(__u32 room)
{
	return room > WIDEST_WINDOW / 4 * 3 ? WIDEST_WINDOW / 2 * 3 : 2 * room;
}

/*
 * Learns a side from that segment, which may be late by a window or so itself. The other one may have
 * filled the window offered to it: its `end` is put there, and so much more room is left below. Of one
 * that has not spoken either, the widest window is assumed until it does.
 */
static __always_inline void tcp_learn(struct walk *w, struct tcp_look *l)
{
	__u32 s_end = edge(&l->s->end), s_limit = edge(&l->s->limit);
	__u32 s_window = edge(&l->s->window), s_acked = edge(&l->s->acked);
	__u32 r_end = edge(&l->r->end), r_limit = edge(&l->r->limit);
	__u32 r_window = edge(&l->r->window), room = l->offers + MAX_ACK_WINDOW;
	__u32 reach = l->ack + room;

	if (!side_known(l->word, !l->high)) {
		edge_begin(w, &l->s->end, s_end, l->end);
		edge_begin(w, &l->s->limit, s_limit, l->end + WIDEST_WINDOW);
		edge_begin(w, &l->r->window, r_window, WIDEST_WINDOW);
		edge_begin(w, &l->r->end, r_end, reach);
	}
	edge_begin(w, &l->s->window, s_window, widened(room));
	edge_begin(w, &l->s->acked, s_acked, l->ack);
	edge_begin(w, &l->r->limit, r_limit, reach);
	edge_raise(w, &l->r->end, reach);
}

/*
 * Has the side of that address (1: the higher one) sent this sequence number, and is it still of
 * interest? For what quotes a segment, such as an ICMP error (RFC 5927 4.1).
 */
static __always_inline int tcp_seq_plausible(struct state *s, __u32 high, __u32 seq)
{
	struct tcp_side *from = &s->tcp[high & 1], *to = &s->tcp[!(high & 1)];
	__u32 word = edge(&s->word), end = edge(&from->end);
	__u32 reach = side_known(word, !high) ? edge(&to->window) : end - edge(&to->acked) + 1;

	return side_known(word, high) && !seq_after(seq, end) && !seq_before(seq, end - reach);
}

#endif
