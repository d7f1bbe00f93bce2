/* SPDX-License-Identifier: GPL-2.0 */
/*
 * After a takeover: windows of TCP connections as the other node left them. It tells how far both ends
 * have come every few seconds, not with each segment, so each is learned anew from the next segment of
 * either end, measured against what the other one says, and strict after that (window.h). Of who had
 * been silent when that was told last it is known what cannot come any more; whoever spoke may be anywhere.
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

/* The word with which a TCP state goes on. Its edges are hints from here on, or nothing: 0. */
__noinline __u32 adopt(struct state *s, __u32 kind)
{
	struct adoption *a = adoption_here();
	struct walk *w = walk_here(kind);

	if (!w || !a || !s)
		return 0;
	if ((__s64)(s->seen - a->known_until) >= 0) {
		/* Unless another packet has learned one meanwhile: w->state is from before. */
		__sync_val_compare_and_swap(&s->tcp[0].end, w->state.tcp[0].end, 0);
		__sync_val_compare_and_swap(&s->tcp[1].end, w->state.tcp[1].end, 0);
	}
	return w->state.word & ~BOTH_KNOWN;
}

#endif
