/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes of the other node of a pair, before the gate: remembered, and answered from here, so that a node
 * whose daemon is dead is not held for dead itself. An active node that hears a better one yields
 * in that very packet. A probe never goes anywhere else, and one that cannot be believed changes nothing.
 */
#ifndef BW_PROBE_H
#define BW_PROBE_H

#include "frame.h"
#include "role.h"
#include "siphash.h"

enum probe_sizes {
	PROBE_FRAME_BYTES = 14 + sizeof(struct probe),
	PROBE_TAGGED_WORDS = sizeof(struct probe) / 8 - 1,
	PROBE_AT = 14,		/* in a frame */
	PROBE_WORD_WHO = 1,	/* words of struct probe that are kept as they are */
	PROBE_WORD_SAID = 2,
	PROBE_WORD_LIFE = 3,
};

static __always_inline struct pair *pair_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&pair, &zero);
}

static __always_inline int has_peer(void)
{
	struct pair *p = pair_here();

	return p && p->peer;
}

/* What is too short for a probe is none: all zeros. */
__noinline int read_probe_xdp(struct xdp_md *ctx, __u32 kind)
{
	struct walk *w = walk_here(kind);

	if (w && bpf_xdp_load_bytes(ctx, PROBE_AT, &w->probe.probe, sizeof(w->probe.probe)))
		__builtin_memset(&w->probe.probe, 0, sizeof(w->probe.probe));
	return 0;
}

__noinline int read_probe_skb(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);

	if (w && bpf_skb_load_bytes(skb, PROBE_AT, &w->probe.probe, sizeof(w->probe.probe)))
		__builtin_memset(&w->probe.probe, 0, sizeof(w->probe.probe));
	return 0;
}

/* Puts the tag of the probe in the walk where `tag` is; returns whether it was there before. */
__noinline int probe_sign(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct pair *p = pair_here();
	__u64 tag, was;
	__u32 slot;

	if (!w || !p)
		return 0;
	slot = w->probe.probe.key & 1;
	tag = siphash_words((__u64 *)&w->probe.probe, PROBE_TAGGED_WORDS, p->key[slot][0],
			    p->key[slot][1]);
	was = w->probe.probe.tag;
	w->probe.probe.tag = tag;
	return was == tag;
}

/* Is it of the other node, for this path? */
static __always_inline int is_of_peer(struct walk *w, struct pair *p)
{
	struct probe *said = &w->probe.probe;

	return said->magic == bpf_htonl(PROBE_MAGIC) && said->version == PROBE_VERSION &&
	       said->path == w->frame.side && bpf_ntohl(said->node) == p->peer;
}

/*
 * Is it newer than all that came before? On its port, and hardly older than what came by others of its
 * side: what was said there long ago is not believed on a port that was deaf at the time.
 */
static __always_inline int is_new(struct walk *w, struct heard *h, __u32 slot)
{
	__u64 counter = bpf_be64_to_cpu(w->probe.probe.counter), newest, last;
	__u32 port = w->frame.port;
	struct probe_counter *c = bpf_map_lookup_elem(&probe_counters, &port);

	if (!c)
		return 0;
	newest = *(volatile __u64 *)&h->counter[slot];
	last = *(volatile __u64 *)&c->of[slot];
	if (counter <= last || counter + PROBE_SPREAD_US < newest)
		return 0;
	if (w->frame.flags & FRAME_DRY)
		return 1;
	if (__sync_val_compare_and_swap(&c->of[slot], last, counter) != last)
		return 0;
	if (counter > newest)
		__sync_val_compare_and_swap(&h->counter[slot], newest, counter);
	return 1;
}

/* Is it the answer to something that this node asked since it started, and the first one? */
static __always_inline int is_answer(struct walk *w, struct pair *p, struct heard *h)
{
	__u64 counter = bpf_be64_to_cpu(w->probe.probe.counter), last;

	last = *(volatile __u64 *)&h->answered;
	if (w->probe.probe.nonce != bpf_cpu_to_be64(p->life) || counter <= last)
		return 0;
	if (w->frame.flags & FRAME_DRY)
		return 1;
	return __sync_val_compare_and_swap(&h->answered, last, counter) == last;
}

static __always_inline int is_attended(struct pair *p)
{
	__s64 since = bpf_ktime_get_ns() - *(volatile __u64 *)&p->awake;

	return since < PROBE_ALIVE_MS * 1000000LL;
}

/* The same as `outranks` of src/sync/roles/announcement.ts. */
static __always_inline int outranks(struct probe *said, struct pair *p, __u32 epoch)
{
	__u32 theirs = bpf_ntohl(said->epoch), attended = !!(said->flags & PROBE_ATTENDED);
	__u32 own = is_attended(p);

	if (attended != own)
		return attended;
	if (theirs != epoch)
		return theirs > epoch;
	if (bpf_ntohs(said->priority) != p->priority)
		return bpf_ntohs(said->priority) > p->priority;
	return !p->first;
}

/* Two are active, and frames can go round: one of them ends it now. */
static __always_inline void yield_to(struct probe *said, struct pair *p)
{
	__u64 word = role_word(), *at;
	__u32 zero = 0;

	if (said->role & ROLE_STANDBY || word & ROLE_STANDBY ||
	    !outranks(said, p, role_epoch(word)))
		return;
	at = bpf_map_lookup_elem(&role, &zero);
	if (at)
		__sync_val_compare_and_swap(at, word, word | ROLE_STANDBY);
}

static __always_inline void hear(struct walk *w, struct heard *h)
{
	__u64 *words = (__u64 *)&w->probe.probe;

	h->who = words[PROBE_WORD_WHO];
	*(volatile __u64 *)&h->said = words[PROBE_WORD_SAID];
	h->life = words[PROBE_WORD_LIFE];
	*(volatile __u64 *)&h->at = bpf_ktime_get_ns();
}

/* What this node is now, under the number, nonce and key of what it was asked with. */
static __always_inline void compose_answer(struct walk *w, struct pair *p)
{
	struct probe *said = &w->probe.probe;
	__u64 word = role_word();
	__u32 number = w->frame.port;
	struct port *port = bpf_map_lookup_elem(&port_list, &number);

	said->kind = PROBE_ANSWERS;
	said->node = bpf_htonl(p->node);
	said->priority = bpf_htons(p->priority);
	said->quiet[0] = p->quiet[0];
	said->quiet[1] = p->quiet[1];
	said->epoch = bpf_htonl(role_epoch(word));
	said->role = (__u8)word;
	said->flags = p->flags & ~PROBE_ATTENDED;
	if (is_attended(p))
		said->flags |= PROBE_ATTENDED;
	said->hears = p->hears;
	said->life = bpf_cpu_to_be64(p->life);
	__builtin_memcpy(w->probe.dmac, w->frame.smac, 6);
	if (port)
		__builtin_memcpy(w->probe.smac, port->mac, 6);
	w->probe.ethertype = bpf_htons(ETH_P_PROBE);
}

/* Global: apart from the deepest chain. Returns a reason. */
__noinline int judge_probe(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct pair *p = pair_here();
	struct heard *h;
	__u32 side, slot;
	int asks, dry;

	if (!w || !p)
		return REASON_PROBE_AUTH;
	side = w->frame.side & 1;
	h = bpf_map_lookup_elem(&heard, &side);
	if (!h || !is_of_peer(w, p))
		return REASON_PROBE_AUTH;
	dry = w->frame.flags & FRAME_DRY;
	if (!p->keys && !dry)
		h->strange = bpf_ktime_get_ns();
	slot = w->probe.probe.key & 1;
	if (w->probe.probe.key >= PROBE_KEYS || !(p->keys >> slot & 1) || !probe_sign(kind))
		return REASON_PROBE_AUTH;
	asks = w->probe.probe.kind == PROBE_ASKS;
	if (!asks && w->probe.probe.kind != PROBE_ANSWERS)
		return REASON_PROBE_AUTH;
	if (asks ? !is_new(w, h, slot) : !is_answer(w, p, h))
		return REASON_PROBE_AUTH;
	w->verdict.action = asks ? ACTION_ANSWER : ACTION_HEARD;
	if (dry)
		return 0;
	hear(w, h);
	yield_to(&w->probe.probe, p);
	if (!asks)
		return 0;
	compose_answer(w, p);
	probe_sign(kind);
	return 0;
}

#endif
