/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many established connections a source holds, and how many are held to a host. Whoever moves the
 * word of a state out of the phases that count takes it from the count; that move is one
 * compare-and-swap, so it is done once. Half-open ones do not count: anybody can forge those.
 *
 * A count that only ever adds and takes may go wrong for good: limits come and go with policies, and
 * an upgrade carries states over. So each state has a colour, and each holder a count by colour. A
 * recount (recount.h) turns all states to the other colour, one by one, and takes them from one count
 * to the other; what the first then still says was wrong. At any moment the sum is what is held.
 */
#ifndef BW_HOLDERS_H
#define BW_HOLDERS_H

#include "frame.h"

enum count_act {
	COUNT_LOOK,		/* only whether one more would go over a limit */
	COUNT_ADD,
	COUNT_ADD_WITHIN,	/* unless that goes over a limit */
	COUNT_REMOVE,
	COUNT_MOVE,		/* from the colour of the word to the other one */
};

static __always_inline int phase_counts(__u32 phase)
{
	return (phase >= PHASE_ESTABLISHED && phase <= PHASE_LAST_ACK) || phase == PHASE_BOTH_WAYS;
}

static __always_inline __u32 colour_now(void)
{
	__u32 zero = 0;
	__u32 *now = bpf_map_lookup_elem(&colour, &zero);

	return now && *(volatile __u32 *)now ? STATE_COLOUR : 0;
}

static __always_inline int generation_has(__u32 slot, __u32 flag)
{
	struct generation *g = bpf_map_lookup_elem(&generations, &slot);

	return g && g->flags & flag;
}

static __always_inline struct rule_limit *rule_limit_of(__u32 slot, __u32 rule)
{
	void *map = rule ? bpf_map_lookup_elem(&rule_limits, &slot) : NULL;

	return map ? bpf_map_lookup_elem(map, &rule) : NULL;
}

static __always_inline __s32 states_held(struct holder *h)
{
	return *(volatile __s32 *)&h->states[0] + *(volatile __s32 *)&h->states[1];
}

static __always_inline struct holder *holder_of(struct address *address, __u32 kind, int make)
{
	struct holder none = {};
	struct holder_key key;
	struct holder *h;

	address_copy(&key.address, address);
	key.kind = kind;
	h = bpf_map_lookup_elem(&holders, &key);
	if (h || !make)
		return h;
	bpf_map_update_elem(&holders, &key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&holders, &key);
}

static __always_inline int holder_full(struct address *address, __u32 kind, __u32 states)
{
	struct holder *h = states ? holder_of(address, kind, 0) : NULL;

	return h && states_held(h) >= (__s32)states;
}

/* One more or less for a holder. Without room for another one, it is not counted. */
static __always_inline int count_for(struct holder *h, __u32 states, __u32 colour, __u32 act)
{
	if (!h)
		return 0;
	if ((act == COUNT_ADD_WITHIN || act == COUNT_LOOK) && states_held(h) >= (__s32)states)
		return REASON_LIMIT;
	if (act == COUNT_MOVE || act == COUNT_REMOVE)
		__sync_fetch_and_add(&h->states[colour], -1);
	if (act == COUNT_MOVE)
		__sync_fetch_and_add(&h->states[!colour], 1);
	if (act != COUNT_ADD && act != COUNT_ADD_WITHIN)
		return 0;
	__sync_fetch_and_add(&h->states[colour], 1);
	if (act == COUNT_ADD || states_held(h) <= (__s32)states)
		return 0;
	/* Another came first. */
	__sync_fetch_and_add(&h->states[colour], -1);
	return REASON_LIMIT;
}

/*
 * Counts a state by its word, for its source and for the host that it goes to. Returns a reason.
 * Costs a look at the generation when nothing has such a limit.
 */
__noinline int count_state(struct state_key *key, __u32 word, __u32 rule_in, __u32 slot, __u32 act)
{
	__u32 high = word & STATE_ORIG_HIGH, colour = !!(word & STATE_COLOUR);
	__u32 screened = high ? STATE_HIGH_SCREENED : STATE_LOW_SCREENED;
	__u32 to_screened = high ? STATE_LOW_SCREENED : STATE_HIGH_SCREENED;
	struct holder *source = NULL, *host;
	struct rule_limit *limit;
	struct generation *g;
	int reason;

	if (!key)
		return 0;
	g = bpf_map_lookup_elem(&generations, &slot);
	if (!g || !(g->flags & GENERATION_HOLDERS))
		return 0;
	if (g->source.states && !(word & screened)) {
		source = holder_of(high ? &key->high : &key->low, HOLDER_SOURCE,
				   act != COUNT_REMOVE && act != COUNT_LOOK);
		reason = count_for(source, g->source.states, colour, act);
		if (reason)
			return reason;
	}
	limit = word & to_screened ? rule_limit_of(slot, rule_in) : NULL;
	if (!limit || !limit->host.states)
		return 0;
	host = holder_of(&limit->name, limit->kind, act != COUNT_REMOVE && act != COUNT_LOOK);
	reason = count_for(host, limit->host.states, colour, act);
	if (reason && act == COUNT_ADD_WITHIN)
		count_for(source, 0, colour, COUNT_REMOVE);
	return reason;
}

#endif
