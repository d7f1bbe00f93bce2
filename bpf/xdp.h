/* SPDX-License-Identifier: GPL-2.0 */
/* Entry point in XDP, native and generic, and `explain`, which runs the same walk and changes
 * nothing. */
#ifndef BW_XDP_H
#define BW_XDP_H

#include "handover.h"
#include "judge.h"
#include "log.h"
#include "parse.h"
#include "quote.h"
#include "tcp_options.h"

enum port_search {
	PORTS_BY_SIGHT = 8,
};

static __always_inline struct port *port_listed(__u32 ifindex)
{
	struct port *p = bpf_map_lookup_elem(&ports, &ifindex);
	__u32 number;

	if (!p)
		return NULL;
	number = p->number;
	p = bpf_map_lookup_elem(&port_list, &number);
	return p && p->ifindex == ifindex ? p : NULL;
}

/* Comparing with the first few is cheaper than a hash, and most walls have no more. */
static __always_inline struct port *port_of(__u32 ifindex)
{
	__u32 i;

	for (i = 0; i < PORTS_BY_SIGHT; i++) {
		__u32 number = i;
		struct port *p = bpf_map_lookup_elem(&port_list, &number);

		if (p && p->ifindex == ifindex)
			return p;
	}
	return port_listed(ifindex);
}

static __always_inline int find_port(struct frame *f, __u32 ifindex)
{
	struct port *p = port_of(ifindex);

	if (!p)
		return -1;
	f->ifindex = ifindex;
	f->port = p->number & (MAX_PORTS - 1);
	f->side = p->side;
	f->state = p->state;
	return 0;
}

__noinline int parse_quote_xdp(struct xdp_md *ctx, __u32 kind)
{
	struct walk *w = walk_here(kind);

	if (w)
		parse_quote(w, (void *)(long)ctx->data, (void *)(long)ctx->data_end, 0);
	return 0;
}

/* Global, so that it is verified once, apart from the walk. */
__noinline int parse_xdp(struct xdp_md *ctx, __u32 kind)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct walk *w = walk_here(kind);
	int reason;

	if (!w)
		return REASON_MALFORMED_ETH;
	w->frame.length = end - data;
	w->frame.longest = end - data;
	w->frame.segments = 1;
	reason = parse(&w->frame, data, end, end - data, 0, 0);
	if (!reason && w->frame.flags & FRAME_ERROR)
		parse_quote_xdp(ctx, kind);
	if (!reason && w->frame.flags & FRAME_TCP_OPTIONS)
		read_options_xdp(ctx, kind);
	if (!reason && w->frame.flags & FRAME_PROBE)
		read_probe_xdp(ctx, kind);
	return reason;
}

/* Hands the frame to the tc program with its verdict. Nonzero: no room for it before the frame. */
static __always_inline int put_meta(struct xdp_md *ctx, __u32 mark, __u32 ifindex, __u32 copy)
{
	struct xdp_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return -1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return -1;
	meta->secret = meta_secret;
	meta->from = ctx->ingress_ifindex;
	meta->mark = mark;
	meta->ifindex = ifindex;
	meta->copy = copy;
	return 0;
}

/* Global: so many ports on every path to here are too much for the verifier of 6.1. */
__noinline int every_port_open(__u32 kind)
{
	struct walk *w = walk_here(kind);
	__u32 i;

	if (!w)
		return 0;
	for (i = 0; i < MAX_PORTS; i++) {
		__u32 number = i;
		struct port *p = bpf_map_lookup_elem(&port_list, &number);

		if (p && p->ifindex && !port_open(w, p->state))
			return 0;
	}
	return 1;
}

static __always_inline __u32 ifindex_of(__u32 port)
{
	struct port *p = bpf_map_lookup_elem(&port_list, &port);

	return p ? p->ifindex : 0;
}

/*
 * Without room for a verdict the frame goes on unjudged and unaccounted: tc judges it. Only what it
 * opened is open by then, and counts here. Global: what it needs of the stack shall not lie below the
 * whole walk.
 */
__noinline int xdp_pass(struct xdp_md *ctx, __u32 mark, __u32 outcome)
{
	__u32 ifindex = 0, copy = MARK_ACCEPT, logged = 1;
	struct walk *w = walk_here(WALK_PACKET);

	if (!w)
		return XDP_DROP;
	if (!mark)
		mark = w->verdict.action == ACTION_DETOUR ? detour_mark(w) : MARK_ACCEPT;
	if ((mark & MARK_KIND) == MARK_ACCEPT || detour_flags(mark)) {
		logged = 0;
	} else if ((mark & MARK_KIND) == MARK_SENT_LOG && w->verdict.action == ACTION_DETOUR) {
		ifindex = detour_in();
		copy = detour_mark(w);
	} else if ((mark & MARK_KIND) == MARK_SENT_LOG) {
		ifindex = ifindex_of(w->verdict.out_port);
	}
	if (put_meta(ctx, mark, ifindex, copy)) {
		account_opening(w, logged);
		fragment_undo(w);
	} else {
		account(w, outcome);
	}
	return XDP_PASS;
}

/* Back by the devmap, which takes it to the port that it came in on as to any other. */
__noinline int xdp_answer(struct xdp_md *ctx)
{
	struct walk *w = walk_here(WALK_PACKET);

	if (!w)
		return XDP_DROP;
	count_outcome(&w->frame, OUTCOME_RX);
	count_outcome(&w->frame, OUTCOME_ANSWERED);
	if (w->verdict.action != ACTION_ANSWER ||
	    bpf_xdp_store_bytes(ctx, 0, w->probe.dmac, PROBE_FRAME_BYTES))
		return XDP_DROP;
	return bpf_redirect_map(&tx_ports, w->frame.port, 0);
}

SEC("xdp")
int xdp_wall(struct xdp_md *ctx)
{
	struct walk *w = walk_begin(WALK_PACKET);
	struct verdict *v;
	__u32 mark;

	if (!w || find_port(&w->frame, ctx->ingress_ifindex))
		return XDP_DROP;
	judge(parse_xdp(ctx, WALK_PACKET), WALK_PACKET);

	v = &w->verdict;
	if (v->action == ACTION_DROP)
		bpf_tail_call(ctx, &handover_xdp, HANDOVER_OLD);
	mark = log_mark(w);
	switch (v->action) {
	case ACTION_FORWARD:
		if (mark)
			return xdp_pass(ctx, mark, OUTCOME_FORWARDED);
		account(w, OUTCOME_FORWARDED);
		return bpf_redirect_map(&tx_ports, v->out_port, 0);
	case ACTION_EVERY_PORT:
		/* The devmap leaves no port out: tc judges, and sends, what some may not have. */
		if (!every_port_open(WALK_PACKET))
			return XDP_PASS;
		account(w, OUTCOME_FORWARDED);
		return bpf_redirect_map(&tx_ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
	case ACTION_DETOUR:
	case ACTION_FLOOD:
		return xdp_pass(ctx, mark, OUTCOME_PASSED);
	case ACTION_ANSWER:
	case ACTION_HEARD:
		return xdp_answer(ctx);
	default:
		if (mark)
			return xdp_pass(ctx, mark, OUTCOME_DROP + v->reason);
		account(w, OUTCOME_DROP + v->reason);
		return XDP_DROP;
	}
}

SEC("xdp")
int explain_wall(struct xdp_md *ctx)
{
	struct walk *w = walk_begin(WALK_EXPLAIN);
	struct verdict *to;

	if (!w || find_port(&w->frame, ctx->ingress_ifindex))
		return XDP_ABORTED;
	w->frame.flags = FRAME_DRY;
	judge(parse_xdp(ctx, WALK_EXPLAIN), WALK_EXPLAIN);
	to = (void *)(long)ctx->data;
	if ((void *)(to + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*to = w->verdict;
	return XDP_PASS;
}

#endif
