/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes that count anew who holds how many states (holders.h). User
 * space turns `colour` over, waits for packets that read the one before, and runs the first over
 * `established`, then the second over `holders`. Nothing is deleted from `established` meanwhile, so
 * no state is passed over.
 */
#ifndef BW_RECOUNT_H
#define BW_RECOUNT_H

#include "sweep.h"

/* Turns a state to the colour of now. */
static __always_inline void recount_state(struct visit *v, struct state_key *raw,
					  struct state *copy)
{
	__u32 colour = colour_now(), slot = slot_now(now_jiffies()), word, i;
	struct state_key key;
	struct state *s;

	__builtin_memcpy(&key, raw, sizeof(key));
	s = bpf_map_lookup_elem(&established, &key);
	if (!s)
		return;
	for (i = 0; i < KILL_TRIES; i++) {
		word = *(volatile __u32 *)&s->word;
		if (!phase_counts(phase_of(word)) || (word & STATE_COLOUR) == colour)
			break;
		if (__sync_val_compare_and_swap(&s->word, word, word ^ STATE_COLOUR) != word)
			continue;
		count_state(&key, word, s->rule_in, slot, COUNT_MOVE);
		break;
	}
}

VISITOR(recount_states, recount_state, struct state_key, struct state)

/* Forgets what is not of the colour of now, and holders that hold nothing. */
static __always_inline void recount_holder(struct visit *v, struct holder_key *raw,
					   struct holder *copy)
{
	__u32 now = !!colour_now(), before = !now;
	struct holder_key key;
	struct holder *h;

	__builtin_memcpy(&key, raw, sizeof(key));
	h = bpf_map_lookup_elem(&holders, &key);
	if (!h)
		return;
	__sync_lock_test_and_set(&h->states[before], 0);
	if (*(volatile __s32 *)&h->states[now] <= 0 &&
	    *(volatile __u64 *)&h->full_at <= now_jiffies() << JIFFY_PARTS)
		bpf_map_delete_elem(&holders, &key);
}

VISITOR(recount_holders, recount_holder, struct holder_key, struct holder)

#endif
