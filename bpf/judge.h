/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of one frame, in the order of judgement: what a reader of the wall should read
 * first. Works on the scratch of this CPU (struct walk), knows neither XDP nor tc, and leaves the
 * verdict there; the entry points carry it out and account for it.
 */
#ifndef BW_JUDGE_H
#define BW_JUDGE_H

#include "bound.h"
#include "detour.h"
#include "fdb.h"
#include "fragments.h"
#include "link.h"
#include "martian.h"
#include "probe.h"
#include "related.h"
#include "reserved.h"
#include "role.h"

static __always_inline int refuse(struct verdict *v, int reason)
{
	v->action = ACTION_DROP;
	v->reason = reason;
	return reason;
}

static __always_inline int leave_by(struct walk *w, __u32 port)
{
	struct port *p = bpf_map_lookup_elem(&port_list, &port);
	int reason;

	if (!p || !p->ifindex || p->state == PORT_UNKNOWN)
		return 0;
	reason = judge_way_out(w, p);
	if (reason)
		return refuse(&w->verdict, reason);
	w->verdict.action = ACTION_FORWARD;
	w->verdict.out_port = port;
	return 0;
}

/* Step 7: teach the table of MACs, and find the way out. Who knows none has the kernel flood. */
static __always_inline int forward(struct walk *w)
{
	__s32 port;

	w->verdict.action = ACTION_FLOOD;
	if (!w->believed)
		return 0;
	port = fdb_way(w->kind);
	if (port < 0)
		return 0;
	if (port == w->frame.port)
		return refuse(&w->verdict, REASON_SAME_PORT);
	return leave_by(w, port);
}

/* Step 2. Returns a reason. Control frames of the neighbours make loops like any others. */
static __always_inline int judge_reserved(struct walk *w)
{
	struct verdict *v = &w->verdict;

	switch (reserved_action(&w->frame)) {
	case RESERVED_FORWARD:
		if (is_standby())
			return REASON_STANDBY;
		if (port_shut(w) || (!w->believed && kernel_runs_stp()))
			return REASON_STP;
		v->action = ACTION_EVERY_PORT;
		return 0;
	case RESERVED_KERNEL:
		if (w->frame.flags & FRAME_TOPOLOGY_CHANGE && !(w->frame.flags & FRAME_DRY))
			fdb_flush(w);
		v->action = ACTION_FLOOD;
		return 0;
	}
	return REASON_RESERVED;
}

/* A packet, or the first fragment of one. Returns a reason. */
static __always_inline int judge_packet(struct walk *w)
{
	struct frame *f = &w->frame;
	int reason;

	if (f->proto == IPPROTO_TCP && tcp_bad_flags(f->tcp_flags)) {
		reason = judge_frame_flow(w, JUDGE_SPOOFED_ONLY);
		return reason ? reason : REASON_BAD_FLAGS;
	}
	if (f->flags & FRAME_ERROR)
		return judge_related(w->kind);
	if (!key_of(w, f)) {
		reason = track(w->kind);
		if (reason != TRACK_MISS)
			return reason;
	}
	return judge_opening(w);
}

/* IP: fragments, states and matrix. Returns a reason. */
static __always_inline int judge_ip(struct walk *w)
{
	struct frame *f = &w->frame;
	int reason;

	w->flow.family = f->family;
	if (f->flags & FRAME_FRAGMENT) {
		reason = judge_fragment(w->kind);
		if (reason != FRAGMENT_GOES_ON)
			return reason;
	}
	reason = judge_packet(w);
	if (!reason && f->flags & FRAME_FRAGMENT)
		fragment_remember(w);
	return reason;
}

/*
 * The generation that judges this packet: the cell is read once, as one word. One that was not
 * confirmed in time gives way to its fallback, under an epoch of its own. Returns its flags, 0: no
 * policy.
 */
static __always_inline __u32 enter_generation(struct walk *w)
{
	__u32 zero = 0, slot;
	__u64 *word = bpf_map_lookup_elem(&cell, &zero), value;
	struct generation *g;

	if (!word)
		return 0;
	value = *(volatile __u64 *)word;
	slot = (__u16)value;
	w->epoch = value >> 32;
	w->tentative = (__u16)(value >> 16) & CELL_UNCONFIRMED;
	g = bpf_map_lookup_elem(&generations, &slot);
	if (g && w->tentative && w->now >= g->deadline) {
		w->tentative = 0;
		w->epoch++;
		slot = g->fallback;
		g = bpf_map_lookup_elem(&generations, &slot);
	}
	w->flow.slot = slot;
	w->flow.epoch = w->kind == WALK_PACKET ? w->epoch : 0;
	if (!g)
		return 0;
	w->verdict.generation = g->number;
	return g->flags & GENERATION_POLICY ? g->flags : 0;
}

/* `generation`: its flags. */
static __always_inline int judge_in_generation(struct walk *w, __u32 generation)
{
	int reason, strayed;

	if (is_self(&w->frame))
		return REASON_SELF;
	reason = judge_link(&w->frame);
	if (generation & GENERATION_BOUND && (reason == LINK_GOES_ON || reason == LINK_PASSES)) {
		strayed = judge_bound(w->kind);
		if (strayed)
			return strayed;
	}
	return reason == LINK_GOES_ON ? judge_ip(w) : reason;
}

/* Judges the frame in the walk of that kind; `parsed` is a reason, 0: parsed. */
__noinline int judge(int parsed, __u32 kind)
{
	struct walk *w = walk_here(kind);
	struct verdict *v;
	__u32 generation;
	int reason;

	if (!w)
		return REASON_NO_POLICY;
	v = &w->verdict;
	generation = enter_generation(w);
	enter_mirror(w);
	if (parsed) {
		reason = parsed;
	} else if (is_martian(&w->frame)) {
		reason = REASON_MARTIAN;
	} else if (is_reserved(&w->frame)) {
		reason = judge_reserved(w);
		if (!reason)
			return 0;
	} else if (w->frame.flags & FRAME_PROBE && has_peer()) {
		reason = judge_probe(kind);
		if (!reason)
			return 0;
	} else if (is_standby()) {
		reason = REASON_STANDBY;
	} else if (!generation) {
		reason = REASON_NO_POLICY;
	} else if (port_shut(w)) {
		reason = REASON_STP;
	} else {
		reason = judge_in_generation(w, generation);
	}
	if (!reason)
		reason = forward(w);
	if (!reason && v->detour)
		reason = take_detour(w);
	if (reason) {
		refuse(v, reason);
		if (generation & GENERATION_LOG_DROPS)
			v->flags |= VERDICT_LOG;
		if (generation & GENERATION_ON_DROP)
			v->flags |= VERDICT_WATCHED;
	}
	return reason;
}

#endif
