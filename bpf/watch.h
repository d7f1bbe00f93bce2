/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `onDrop`: who has too many frames dropped is told to user space, which puts him into a dynamic group.
 * Here it is only counted, by source; the one frame that crosses the threshold makes an event.
 *
 * Anybody can send a packet in another's name. So a drop counts only against an address that has shown
 * lately to get what is sent to it, by completing a TCP handshake, and only if the frame came by the
 * same way: port, MAC, tags, hop limit. Once a frame came another way, somebody sends in its name: then
 * nothing counts against it until that is as long ago as a proof is good for. `spoofable` does
 * without all that.
 */
#ifndef BW_WATCH_H
#define BW_WATCH_H

#include "classify.h"
#include "event.h"
#include "memberships.h"

ARRAY_MAP(watches, GENERATION_SLOTS, struct watches);
HASH_MAP(offenders, BPF_MAP_TYPE_LRU_HASH, 0, WATCH_SOURCES, struct offender_key, struct offender);
HASH_MAP(proofs, BPF_MAP_TYPE_LRU_HASH, 0, WATCH_SOURCES, struct address, struct proof);
ARRAY_MAP(watch_window, 1, __u64);

static __always_inline int proof_holds(struct proof *p, __u64 now)
{
	return p && now - p->seen < PROOF_SECONDS * hz;
}

static __always_inline int proof_spoilt(struct proof *p, __u64 now)
{
	return p->spoilt && now - p->spoilt < PROOF_SECONDS * hz;
}

static __always_inline int same_way(struct proof *p, struct frame *f)
{
	__u8 *a = p->mac, *b = f->smac;

	return p->port == f->port && p->hop_limit == f->hop_limit && p->tag[0] == f->tag[0] &&
	       p->tag[1] == f->tag[1] && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] &&
	       a[3] == b[3] && a[4] == b[4] && a[5] == b[5];
}

/* The sender of an accepted frame has completed a handshake with it. */
static __always_inline int prove(struct walk *w)
{
	struct frame *f = &w->frame;
	struct proof fresh = {}, *p;
	struct address source;

	address_copy(&source, &f->src);
	p = bpf_map_lookup_elem(&proofs, &source);
	if (p && same_way(p, f) && w->now - p->seen < hz)
		return 0;
	fresh.seen = w->now;
	fresh.spoilt = p ? p->spoilt : 0;
	__builtin_memcpy(fresh.mac, f->smac, 6);
	fresh.port = f->port;
	fresh.hop_limit = f->hop_limit;
	fresh.tag[0] = f->tag[0];
	fresh.tag[1] = f->tag[1];
	bpf_map_update_elem(&proofs, &source, &fresh, BPF_ANY);
	return 0;
}

/* Can only who has that address have sent this frame, as far as one can know? */
static __always_inline int is_proven(struct walk *w)
{
	struct address source;
	struct proof *p, fresh;

	address_copy(&source, &w->frame.src);
	p = bpf_map_lookup_elem(&proofs, &source);
	if (!proof_holds(p, w->now))
		return 0;
	if (same_way(p, &w->frame))
		return !proof_spoilt(p, w->now);
	if (p->spoilt && w->now - p->spoilt < hz)
		return 0;
	fresh = *p;
	fresh.spoilt = w->now;
	bpf_map_update_elem(&proofs, &source, &fresh, BPF_ANY);
	return 0;
}

/* Does the group have the source already, or may it not have it? Looked up for a crossing only. */
static __always_inline int is_spared(struct walk *w, struct watch *watch)
{
	struct flow *flow = &w->flow;
	__u32 groups = watch->exempt_groups | 1U << (watch->group & 31);

	address_copy(&flow->src, &w->frame.src);
	flow_in(flow, w->frame.tag);
	flow->family = w->frame.family;
	if (classify(flow, 0, &flow->from))
		return 1;
	if ((flow->from.host || is_elsewhere(&flow->from)) && !(watch->flags & WATCH_SCREENED))
		return 1;
	if (flow->from.deny_from & watch->exempt)
		return 1;
	keep_memberships(flow, 0, &groups);
	return !!groups;
}

/* So many crossings a second. watch_window: second << 32 | crossings. */
static __always_inline int crossing_allowed(struct walk *w)
{
	__u64 second = w->now / hz << 32, seen;
	__u32 zero = 0;
	__u64 *window = bpf_map_lookup_elem(&watch_window, &zero);

	if (!window)
		return 0;
	seen = *(volatile __u64 *)window;
	if ((seen & 0xffffffff00000000ULL) != second)
		__sync_val_compare_and_swap(window, seen, second);
	seen = __sync_fetch_and_add(window, 1);
	return (__u32)seen < WATCH_EVENTS;
}

/*
 * Drops of this source in its window, before this frame. A value of the LRU may be another's by the time
 * it is added to: that one then has a drop too many.
 */
static __always_inline __u32 count_drop(struct walk *w, struct watch *watch, __u32 number)
{
	struct offender_key key;
	struct offender fresh, *o;

	address_copy(&key.address, &w->frame.src);
	key.watch = number;
	o = bpf_map_lookup_elem(&offenders, &key);
	if (o && o->generation == w->verdict.generation && w->now - o->begun < watch->window)
		return __sync_fetch_and_add(&o->drops, w->frame.segments);
	fresh.begun = w->now;
	fresh.drops = w->frame.segments;
	fresh.generation = w->verdict.generation;
	fresh.told = 0;
	fresh.pad = 0;
	bpf_map_update_elem(&offenders, &key, &fresh, BPF_ANY);
	return 0;
}

static __always_inline int counts_for(struct walk *w, struct watch *watch)
{
	struct verdict *v = &w->verdict;
	__u32 side = w->frame.side == SIDE_UPLINK ? WATCH_UPLINK : WATCH_INSIDE;

	if (!(watch->reasons >> (v->reason & 63) & 1) || !(watch->flags & side))
		return 0;
	return v->reason != REASON_DENIED || watch->lines >> (v->deny_line & 63) & 1;
}

/* The number of the watch is in `info`, its generation in `epoch`. */
static __always_inline void tell_crossing(struct walk *w, __u32 number)
{
	struct offender_key of;
	struct offender *o;
	struct verdict *v = &w->verdict;
	struct frame *f = &w->frame;
	struct state_key *key = &w->key;

	address_copy(&key->low, &f->src);
	address_copy(&key->high, &f->dst);
	key->low_port = 0;
	key->high_port = f->dport;
	key->tag[0] = f->tag[0];
	key->tag[1] = f->tag[1];
	key->proto = f->proto;
	key->family = f->family;
	w->epoch = v->generation;
	address_copy(&of.address, &f->src);
	of.watch = number;
	o = bpf_map_lookup_elem(&offenders, &of);
	if (o)
		o->told = 1;
	event_emit(w, EVENT_DROPS, number << 16 | (v->deny_line & 0xff) << 8 | (v->reason & 0xff));
}

/* Global, so that it is verified once for all watches. */
__noinline int watch_drop(__u32 kind, __u32 number)
{
	struct walk *w = walk_here(kind);
	__u32 slot, before;
	struct watches *all;
	struct watch *watch;

	if (!w || number >= MAX_WATCHES)
		return 0;
	slot = w->flow.slot;
	all = bpf_map_lookup_elem(&watches, &slot);
	if (!all)
		return 0;
	watch = &all->watch[number & (MAX_WATCHES - 1)];
	if (!counts_for(w, watch))
		return 0;
	if (!(watch->flags & WATCH_SPOOFABLE) && !is_proven(w))
		return 0;
	before = count_drop(w, watch, number);
	if (before >= watch->after || before + w->frame.segments < watch->after)
		return 0;
	if (is_spared(w, watch))
		return 0;
	if (crossing_allowed(w))
		tell_crossing(w, number);
	else
		event_lost();
	return 0;
}

/* A frame whose verdict bears VERDICT_WATCHED, once it is final. */
__noinline int watch_frame(__u32 kind)
{
	struct walk *w = walk_here(kind);
	__u32 slot, count, i;
	struct watches *all;

	if (!w)
		return 0;
	if (w->verdict.action != ACTION_DROP)
		return prove(w);
	slot = w->flow.slot;
	all = bpf_map_lookup_elem(&watches, &slot);
	if (!all)
		return 0;
	count = all->count;
	for (i = 0; i < MAX_WATCHES && i < count; i++)
		watch_drop(kind, i);
	return 0;
}

#endif
