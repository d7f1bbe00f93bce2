/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 5: an ICMP error passes for the sake of the connection whose packet it quotes, to the sender
 * of that packet and nobody else. It comes from wherever the packet was going: from its destination
 * or from any router on the way there. An error only reads: it opens, refreshes, re-judges for
 * others, moves and closes nothing.
 */
#ifndef BW_RELATED_H
#define BW_RELATED_H

#include "opening.h"
#include "track.h"

/* Did the connection's end that the error goes to send a packet like the quoted one? */
static __always_inline int quote_plausible(struct walk *w, struct state *s)
{
	int by_opener = is_reply(w, s->word);

	switch (phase_of(s->word)) {
	case PHASE_SYN_SENT:
	case PHASE_ONE_WAY:
		if (!by_opener)
			return 0;
	}
	/* The quoted packet travelled against the error. */
	return w->quote.proto != IPPROTO_TCP || tcp_seq_plausible(s, !w->from_high, w->quoted_seq);
}

static __always_inline int judge_quoted(struct walk *w, struct state *found)
{
	struct state *s = &w->state;
	int reason = REASON_NONE;

	*s = *found;
	w->verdict.phase = phase_of(s->word);
	if (s->epoch != w->epoch)
		reason = rejudge(w, s);
	else if (from_spoofed(w, s->word))
		reason = REASON_SPOOFED;
	if (reason)
		return reason;
	if (!quote_plausible(w, s))
		return REASON_NO_STATE;
	verdict_from_state(w, s);
	w->verdict.detour = 0;
	return 0;
}

/* An ICMP error: deny lines first, by its own addresses, then the connection that it quotes. */
__noinline int judge_related(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct state *s;
	int reason;

	if (!w)
		return REASON_NO_POLICY;
	reason = judge_frame_flow(w, 0);
	if (reason != REASON_NO_STATE || !(w->frame.flags & FRAME_QUOTE))
		return reason;
	if (!address_equal(&w->quote.src, &w->frame.dst) || key_of(w, &w->quote))
		return REASON_NO_STATE;
	/* The error travels against the packet that it quotes. */
	w->from_high = !w->from_high;
	s = find(w, &established);
	if (!s)
		s = find(w, &pending);
	if (!s)
		s = find(w, &established);
	return s ? judge_quoted(w, s) : REASON_NO_STATE;
}

#endif
