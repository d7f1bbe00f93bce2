/* SPDX-License-Identifier: GPL-2.0 */
/*
 * After a start from nothing: TCP in the middle of its life that the matrix allows is picked up, for
 * as many seconds as the policy says. The deadline is a matter of clock and maps alone.
 *
 * Who opened such a connection only the matrix can tell, by the way that it allows. If both are
 * allowed, the service is at the lower port: clients call from high ones.
 */
#ifndef BW_PICK_UP_H
#define BW_PICK_UP_H

#include "event.h"
#include "mid_stream.h"
#include "policy.h"
#include "state.h"

static __always_inline int judge_frame_flow(struct walk *w, __u32 options)
{
	if (w->frame.side == SIDE_UPLINK)
		options |= JUDGE_FROM_UPLINK;
	address_copy(&w->flow.src, &w->frame.src);
	address_copy(&w->flow.dst, &w->frame.dst);
	flow_in(&w->flow, w->frame.tag);
	w->flow.service = service_of(&w->frame);
	return judge_flow(&w->flow, &w->verdict, options);
}

/* A segment that a living connection sends: neither its first nor a reset, and whole. */
static __always_inline int is_mid_stream(struct frame *f)
{
	return f->proto == IPPROTO_TCP && !(f->flags & FRAME_FRAGMENT) &&
	       (f->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK;
}

static __always_inline int picks_up(struct walk *w)
{
	__u32 slot = w->flow.slot, zero = 0;
	struct generation *g = bpf_map_lookup_elem(&generations, &slot);
	__u64 *since = bpf_map_lookup_elem(&judging_since, &zero);

	return g && since && *since && w->now - *since < (__u64)g->pickup * hz;
}

/* Judges the flow of a segment as its sender would open it, or its receiver. Returns a reason. */
static __always_inline int judge_way(struct walk *w, int by_receiver)
{
	struct frame *f = &w->frame;

	if (!by_receiver)
		return judge_frame_flow(w, JUDGE_MAY_OPEN);
	address_copy(&w->flow.src, &f->dst);
	address_copy(&w->flow.dst, &f->src);
	flow_in(&w->flow, f->tag);
	w->flow.service = service_code(f->family, f->proto, bpf_ntohs(f->sport), 0);
	return judge_flow(&w->flow, &w->verdict, JUDGE_MAY_OPEN);
}

/* A segment that no state speaks for, and that no deny line matches. Returns a reason. */
__noinline int pick_up(__u32 kind)
{
	struct walk *w = walk_here(kind);
	int by_receiver;

	if (!w || !picks_up(w))
		return REASON_NO_STATE;
	by_receiver = bpf_ntohs(w->frame.sport) < bpf_ntohs(w->frame.dport);
	if (judge_way(w, by_receiver)) {
		by_receiver = !by_receiver;
		if (judge_way(w, by_receiver))
			return judge_frame_flow(w, 0);
	}
	w->verdict.flags |= VERDICT_NEW;
	if (w->frame.flags & FRAME_DRY)
		return 0;
	state_begin(w, PHASE_MID_STREAM | STATE_PICKED_UP, !w->from_high != !by_receiver);
	mid_stream_begin(w);
	session_begins(w->kind);
	if (!bpf_map_update_elem(&pending, &w->key, &w->state, BPF_ANY))
		return 0;
	event_emit(w, EVENT_TABLE_FULL, REASON_TABLE_FULL);
	return REASON_TABLE_FULL;
}

#endif
