/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a segment does to its connection: the phase it leads to, by its flags (tcp.h) and, within the
 * windows (window.h), by its numbers. nf_conntrack's table of phases, but where numbers tell more than
 * flags do: who closed first, which FINs are acknowledged, which resets are believed.
 */
#ifndef BW_TCP_FOLLOW_H
#define BW_TCP_FOLLOW_H

#include "window.h"

enum tcp_follow_limits {
	PHASE_TRIES = 4,
};

/* ---- SYN and SYN-ACK ------------------------------------------------------------------------ */

/* The numbers of a SYN become those of its sender. States in the handshake are copies, or no one
 * else's business: plain stores do. Returns the word with what the SYN says of its side. */
static __always_inline __u32 tcp_begin(struct walk *w, struct tcp_look *l)
{
	__u32 bits = w->frame.tcp.bits | TCP_KNOWN, shift = side_shift(l->high);

	l->s->end = l->end;
	l->s->window = l->offers;
	l->s->limit = l->end;
	l->r->acked = l->seq + 1;
	if (l->flags & TCP_ACK)
		l->s->acked = l->ack;
	if (side_known(l->word, !l->high)) {
		l->s->limit = l->seq + 1 + l->r->window;
		l->r->limit = l->s->acked + l->offers;
	}
	w->moved |= MOVED_EDGES;
	l->word = (l->word & ~(0x7f << shift)) | bits << shift;
	return l->word;
}

/* A SYN again, or another one? RFC 9293 3.8.1, 3.10.7. */
static __always_inline int tcp_same_syn(struct tcp_look *l)
{
	return side_known(l->word, l->high) && l->r->acked == l->seq + 1;
}

static __always_inline __u32 tcp_on_syn(struct walk *w, struct tcp_look *l)
{
	switch (l->phase) {
	case PHASE_SYN_SENT:
	case PHASE_SYN_SENT2:
		if (tcp_same_syn(l))
			edge_raise(w, &l->s->end, l->end);
		else
			tcp_begin(w, l);
		return l->reply ? PHASE_SYN_SENT2 : l->phase;
	case PHASE_CLOSE:
		return STEP_NEW;
	case PHASE_TIME_WAIT:
		/* RFC 9293 3.6.1. Below the last end the server may still take it, by its
		 * timestamp (RFC 6191): then its answer decides, see track.h. */
		if (side_known(l->word, l->high) && seq_after(l->seq, edge(&l->s->end)))
			return STEP_NEW;
		return l->reply ? STEP_OUT : STEP_IGNORE;
	}
	/* RFC 5961 4: the peer challenges a stray SYN itself; only its opener may repeat it. */
	return l->reply ? STEP_INVALID : STEP_IGNORE;
}

/* The SYN-ACK of a connection of which the SYN was seen: it acknowledges that very SYN. */
static __always_inline int tcp_acks_syn(struct tcp_look *l)
{
	__u32 from = l->s->acked, to = l->r->end;

	return l->ack - from <= to - from && !seq_after(l->sack, to);
}

static __always_inline __u32 tcp_on_syn_ack(struct walk *w, struct tcp_look *l)
{
	switch (l->phase) {
	case PHASE_SYN_SENT:
		if (!l->reply)
			return STEP_INVALID;
		if (!side_known(l->word, !l->high)) {
			l->r->end = l->ack;
			l->r->window = 65535;
			l->word |= TCP_KNOWN << side_shift(!l->high);
		} else if (!tcp_acks_syn(l)) {
			return STEP_OUT;
		}
		tcp_begin(w, l);
		return PHASE_SYN_RECV;
	case PHASE_SYN_SENT2:
	case PHASE_SYN_RECV:
		if (!both_known(l))
			return STEP_IGNORE;
		if (!tcp_acks_syn(l))
			return STEP_OUT;
		if (tcp_same_syn(l))
			tcp_move(w, l);
		else if (l->reply)
			tcp_begin(w, l);
		else
			return STEP_OUT;
		return PHASE_SYN_RECV;
	}
	/* Late: its opener's last acknowledgement was lost. The opener's own tells nobody anything. */
	if (!l->reply)
		return STEP_INVALID;
	if (!both_known(l))
		return l->phase == PHASE_CLOSE ? STEP_OUT : STEP_IGNORE;
	return tcp_fit(l) == STEP_OUT ? STEP_OUT : STEP_IGNORE;
}

/* ---- RST ------------------------------------------------------------------------------------ */

/* Who is done with a connection answers what comes late of it by its number, which is as old as that
 * (RFC 9293 3.10.7.1). */
static __always_inline int answers_late(struct tcp_look *l, __u32 expected)
{
	return (l->phase == PHASE_TIME_WAIT || l->phase == PHASE_CLOSE) && !(l->flags & TCP_ACK) &&
	       !seq_before(l->seq, expected - ack_window(edge(&l->r->window)));
}

/*
 * RFC 9293 3.10.7.3 and RFC 5961 3.2, and what nf_conntrack adds: an answer to a SYN acknowledges
 * it; otherwise the number is what the receiver expects next, or follows the last data (which the
 * receiver has got and not acknowledged yet). In window but neither: the receiver will challenge it.
 */
static __always_inline __u32 tcp_on_rst(struct tcp_look *l)
{
	__u32 s_known = side_known(l->word, l->high), r_known = side_known(l->word, !l->high);
	__u32 s_end = edge(&l->s->end), r_end = edge(&l->r->end), expected = edge(&l->r->acked);
	int refused = l->phase == PHASE_CLOSE && !s_known;

	/* Nobody listens: number zero (RFC 9293 3.10.7.1). Before its opener has had an answer, whose
	 * number it is does not matter. */
	if ((phase_opening(l->phase) || refused) && l->reply && l->flags & TCP_ACK && r_known &&
	    (!s_known || !l->seq) && tcp_acks_syn(l))
		return PHASE_CLOSE;
	if (refused || (l->phase == PHASE_SYN_SENT && l->reply))
		return r_known ? STEP_OUT : STEP_IGNORE;
	if (l->phase == PHASE_SYN_SENT && s_known) {
		/* Its opener has nothing to acknowledge. */
		if (l->flags & TCP_ACK && l->ack)
			return STEP_OUT;
		if (l->seq == s_end || l->seq == expected)
			return PHASE_CLOSE;
		/* Answers the acknowledgement of a connection that only the other end knows
		 * (RFC 9293 3.5.1, figure 9): that number was kept. */
		return l->seq == l->s->limit ? STEP_IGNORE : STEP_OUT;
	}
	/* Some stacks set the flag and leave the number zero. */
	if (r_known && l->flags & TCP_ACK && l->ack &&
	    (seq_after(l->ack, r_end) || seq_after(l->sack, r_end)))
		return STEP_OUT;
	if (s_known && l->seq == s_end)
		return PHASE_CLOSE;
	if (!r_known)
		return l->phase == PHASE_CLOSE ? STEP_OUT : STEP_IGNORE;
	if (l->seq == expected)
		return PHASE_CLOSE;
	if (seq_before(l->seq, expected))
		return answers_late(l, expected) ? STEP_IGNORE : STEP_OUT;
	return seq_after(l->seq, seq_max(edge(&l->s->limit), s_end)) ? STEP_OUT : STEP_IGNORE;
}

/* ---- all others ----------------------------------------------------------------------------- */

/* The third segment of the handshake: who sent it has seen the SYN-ACK. If that one was lost, the
 * next may be a keep-alive, one below. */
static __always_inline int tcp_completes(struct tcp_look *l)
{
	return !seq_before(l->ack, edge(&l->s->acked)) &&
	       !seq_before(l->seq + 1, edge(&l->r->acked));
}

/* The phase after a segment that fits; edges have moved. */
static __always_inline __u32 tcp_next(struct tcp_look *l, int completes)
{
	__u32 first = !!(l->word & STATE_FIN_HIGH) == l->high;

	switch (l->phase) {
	case PHASE_SYN_RECV:
		if (!completes)
			return PHASE_SYN_RECV;
		return l->flags & TCP_FIN ? PHASE_FIN_WAIT : PHASE_ESTABLISHED;
	case PHASE_ESTABLISHED:
		return l->flags & TCP_FIN ? PHASE_FIN_WAIT : PHASE_ESTABLISHED;
	case PHASE_FIN_WAIT:
	case PHASE_CLOSE_WAIT:
		/* Of who closed first, only a repetition can come. */
		if (first)
			return l->phase;
		if (l->flags & TCP_FIN)
			return PHASE_LAST_ACK;
		return seq_before(l->ack, edge(&l->r->end)) ? l->phase : PHASE_CLOSE_WAIT;
	case PHASE_LAST_ACK:
		/* Both read what the other wrote, each after its own: one of two sees it all. */
		if (seq_before(edge(&l->s->acked), edge(&l->r->end)) ||
		    seq_before(edge(&l->r->acked), edge(&l->s->end)))
			return PHASE_LAST_ACK;
		return PHASE_TIME_WAIT;
	}
	return l->phase;
}

static __always_inline __u32 tcp_on_data(struct walk *w, struct tcp_look *l)
{
	int dry = w->frame.flags & FRAME_DRY, completes = 0;
	__u32 fit;

	if (l->phase == PHASE_SYN_SENT || l->phase == PHASE_SYN_SENT2) {
		if (!l->reply || l->flags & TCP_FIN)
			return STEP_INVALID;
		if (!dry && l->phase == PHASE_SYN_SENT && l->r->limit != l->ack) {
			l->r->limit = l->ack;
			w->moved |= MOVED_EDGES;
		}
		return STEP_IGNORE;
	}
	/* Refused, and nothing but more refusals can come. */
	if (l->phase == PHASE_CLOSE && !both_known(l))
		return STEP_OUT;
	if (!side_known(l->word, l->high)) {
		if (!tcp_plausible(l))
			return STEP_OUT;
		if (dry)
			return l->phase;
		tcp_learn(w, l);
		l->word |= TCP_KNOWN << side_shift(l->high);
	}
	fit = tcp_fit(l);
	if (fit == STEP_OUT)
		return fit;
	if (l->phase == PHASE_SYN_RECV && !l->reply && side_known(l->word, !l->high)) {
		if (!tcp_completes(l))
			return STEP_OUT;
		completes = 1;
	}
	if (fit)
		return fit;
	/* Explain moves nothing, but asks whether a completed handshake would be one too many. */
	if (dry)
		return completes ? PHASE_ESTABLISHED : l->phase;
	tcp_move(w, l);
	return tcp_next(l, completes);
}

/* The word after a step; the first FIN leaves its side there. */
static __always_inline __u32 tcp_word(struct tcp_look *l, __u32 next)
{
	__u32 word = (l->word & ~STATE_PHASE) | next;

	if (next != PHASE_FIN_WAIT || l->phase == PHASE_FIN_WAIT)
		return word;
	return (word & ~STATE_FIN_HIGH) | (l->high ? STATE_FIN_HIGH : 0);
}

/* One try of tcp_follow. Its result, and STEP_LOST where another CPU has moved the phase meanwhile. */
__noinline int tcp_step(struct state *s, __u32 kind)
{
	struct walk *w = walk_here(kind);
	struct tcp_look l;
	__u32 word, next;

	if (!s || !w)
		return STEP_INVALID;
	word = edge(&s->word);
	look(&l, w, s, word);
	if (l.flags & TCP_RST)
		next = tcp_on_rst(&l);
	else if (!(l.flags & TCP_SYN))
		next = tcp_on_data(w, &l);
	else if (l.flags & TCP_ACK)
		next = tcp_on_syn_ack(w, &l);
	else
		next = tcp_on_syn(w, &l);
	if (next >= STEP_INVALID || w->frame.flags & FRAME_DRY)
		return next;
	if (tcp_word(&l, next) == word)
		return next;
	if (__sync_val_compare_and_swap(&s->word, word, tcp_word(&l, next)) != word)
		return next | STEP_LOST;
	if (phase_counts(l.phase) && !phase_counts(next))
		w->moved |= MOVED_OUT;
	return next;
}

/*
 * What the frame is to a TCP connection: the phase after it, or an enum tcp_step. Moves edges and
 * phase of *s, which may be shared, and sets w->moved; unless the walk is a dry one. A try is
 * verified once, not for each of them.
 */
static __always_inline __u32 tcp_follow(struct state *s, __u32 kind)
{
	__u32 next = STEP_LOST, i;

	for (i = 0; i < PHASE_TRIES && next & STEP_LOST; i++)
		next = tcp_step(s, kind);
	return next & ~STEP_LOST;
}

/* The opener's side of a new state. */
static __always_inline void tcp_open(struct walk *w, struct state *s)
{
	struct tcp_look l;

	__builtin_memset(s->tcp, 0, sizeof(s->tcp));
	look(&l, w, s, s->word);
	s->word = tcp_begin(w, &l);
}

#endif
