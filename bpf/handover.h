/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From one version of the programs to the next while frames pass. Every hook first gets a program
 * that only calls on: to the old one until `handover_stage` says otherwise, then to the new one. So
 * all ports change at once, whatever is killed on the way. For as long as the old program stays in
 * its place after that, it judges again what the new one would drop: a connection that it opened a
 * moment ago may not have been carried over yet.
 */
#ifndef BW_HANDOVER_H
#define BW_HANDOVER_H

#include <linux/pkt_cls.h>
#include "maps.h"
#include "state.h"

enum handover {
	HANDOVER_OLD,
	HANDOVER_NEW,
	HANDOVER_COUNT,
};

enum settle_limits {
	SETTLE_BATCH = 256,
};

#define HANDOVER_PROGRAMS(name_)                                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, HANDOVER_COUNT);                                               \
		__uint(key_size, sizeof(__u32));                                                   \
		__uint(value_size, sizeof(__u32));                                                 \
	} name_ SEC(".maps")

HANDOVER_PROGRAMS(handover_xdp);
HANDOVER_PROGRAMS(handover_xdp_frags);
HANDOVER_PROGRAMS(handover_tc);
ARRAY_MAP(handover_stage, 1, __u32);	/* enum handover */

static __always_inline __u32 handover_stage_now(void)
{
	__u32 zero = 0;
	__u32 *stage = bpf_map_lookup_elem(&handover_stage, &zero);

	return stage ? *(volatile __u32 *)stage : HANDOVER_OLD;
}

SEC("xdp")
int xdp_handover(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &handover_xdp, handover_stage_now());
	return XDP_DROP;
}

SEC("xdp.frags")
int xdp_handover_frags(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &handover_xdp_frags, handover_stage_now());
	return XDP_DROP;
}

SEC("tc")
int tc_handover(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &handover_tc, handover_stage_now());
	return TC_ACT_SHOT;
}

/* States that the old programs moved on after they were carried over. */
ARRAY_MAP(settling_keys, SETTLE_BATCH, struct state_key);
ARRAY_MAP(settling_states, SETTLE_BATCH, struct state);

/*
 * Moves established states on to where the old programs left them: what has been seen since under
 * the new ones is newer and stays. In place, for only the sweep may free such a slot. The argument
 * is how many there are.
 */
SEC("syscall")
int settle_states(__u64 *ctx)
{
	__u32 count = *ctx < SETTLE_BATCH ? *ctx : SETTLE_BATCH, i;
	/* Which FIN was the first goes with the phase that it led to. */
	const __u32 closing = STATE_PHASE | STATE_FIN_HIGH;

	for (i = 0; i < SETTLE_BATCH; i++) {
		struct state_key *key;
		struct state *from, *s;
		__u32 index = i, word;

		if (i >= count)
			break;
		key = bpf_map_lookup_elem(&settling_keys, &index);
		from = bpf_map_lookup_elem(&settling_states, &index);
		if (!key || !from)
			break;
		s = bpf_map_lookup_elem(&established, key);
		if (!s || s->seen >= from->seen)
			continue;
		word = *(volatile __u32 *)&s->word;
		if (phase_of(word) == PHASE_DYING)
			continue;
		s->seen = from->seen;
		__sync_val_compare_and_swap(&s->word, word,
					    (word & ~closing) | (from->word & closing));
	}
	return 0;
}

#endif
