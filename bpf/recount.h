/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Iterators that count anew who holds how many states (holders.h), sliced like those of the sweep. User
 * space turns `colour` over, waits for packets that read the one before, and runs the first over
 * `established`, then the second over `holders`. Nothing is deleted from `established` meanwhile, so
 * no state is passed over.
 */
#ifndef BW_RECOUNT_H
#define BW_RECOUNT_H

#include "sweep.h"

/* Turns a state to the colour of now. */
SEC("iter/bpf_map_elem")
int recount_states(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 colour = colour_now(), slot = slot_now(now_jiffies()), word, i;
	struct state *s = ctx->value;
	void *raw = ctx->key;
	struct state_key key;

	if (!raw || !s)
		return 0;
	__builtin_memcpy(&key, raw, sizeof(key));
	for (i = 0; i < KILL_TRIES; i++) {
		word = *(volatile __u32 *)&s->word;
		if (!phase_counts(phase_of(word)) || (word & STATE_COLOUR) == colour)
			break;
		if (__sync_val_compare_and_swap(&s->word, word, word ^ STATE_COLOUR) != word)
			continue;
		count_state(&key, word, s->rule_in, slot, COUNT_MOVE);
		break;
	}
	slice(ctx);
	return 0;
}

/* Forgets what is not of the colour of now, and holders that hold nothing. */
SEC("iter/bpf_map_elem")
int recount_holders(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 now = !!colour_now(), before = !now;
	struct holder *h = ctx->value;
	void *raw = ctx->key;
	struct holder_key key;

	if (!raw || !h)
		return 0;
	__builtin_memcpy(&key, raw, sizeof(key));
	__sync_lock_test_and_set(&h->states[before], 0);
	if (*(volatile __s32 *)&h->states[now] <= 0 &&
	    *(volatile __u64 *)&h->full_at <= now_jiffies() << JIFFY_PARTS)
		bpf_map_delete_elem(&holders, &key);
	slice(ctx);
	return 0;
}

#endif
