/* SPDX-License-Identifier: GPL-2.0 */
/*
 * After a takeover: windows of TCP connections as the other node left them. It tells how far both ends
 * have come every few seconds, not with each segment. Who was silent since is exactly where it was, and
 * strict from the next segment on. Whoever spoke meanwhile is learned anew from the next segment of
 * either end, each measured against what the other one says (window.h), and strict after that.
 */
#ifndef BW_ADOPT_H
#define BW_ADOPT_H

#include "role.h"
#include "window.h"

ARRAY_MAP(adoption, 1, struct adoption);

static __always_inline struct adoption *adoption_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&adoption, &zero);
}

/* Was a state judged last before this node took over? */
static __always_inline int is_adopted(struct state *s)
{
	struct adoption *a = adoption_here();

	return a && a->since && (__s32)(s->epoch - a->since) < 0;
}

/* What a side has offered at most, and so how far the other one may be. */
static __always_inline void adopt_side(struct walk *w, struct state *s, __u32 word, __u32 high)
{
	struct tcp_side *from = &s->tcp[high], *to = &s->tcp[!high];
	__u32 window = 65535 << scale_of(word, !high), limit = edge(&to->acked) + window;

	if (!edge(&to->window))
		__sync_val_compare_and_swap(&to->window, 0, window);
	if (!edge(&from->limit))
		__sync_val_compare_and_swap(&from->limit, 0, limit);
	edge_raise(w, &from->limit, limit);
}

/* The word with which a TCP state goes on; its edges are made ready for that. */
__noinline __u32 adopt(struct state *s, __u32 kind)
{
	const __u32 known = TCP_KNOWN << STATE_LOW_TCP | TCP_KNOWN << STATE_HIGH_TCP;
	struct adoption *a = adoption_here();
	struct walk *w = walk_here(kind);
	__u32 word;

	if (!w || !a || !s)
		return 0;
	word = w->state.word;
	if ((__s64)(s->seen - a->known_until) >= 0 || !edge(&s->tcp[0].end) ||
	    !edge(&s->tcp[1].end))
		return word & ~known;
	adopt_side(w, s, word, 0);
	adopt_side(w, s, word, 1);
	return word | known;
}

#endif
