/* SPDX-License-Identifier: GPL-2.0 */
/* Entry point in XDP, native and generic, and `explain`, which runs the same walk and changes
 * nothing. */
#ifndef BW_XDP_H
#define BW_XDP_H

#include "express.h"
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

/* Begins the walk of a frame that came in there. Nonzero: that is no port. Global: what it needs of the stack
 * shall not lie below the whole walk. */
__noinline int walk_from(__u32 ifindex, __u32 kind)
{
	struct walk *w = walk_begin(kind);
	struct port *p = port_of(ifindex);

	if (!w || !p)
		return -1;
	w->frame.ifindex = ifindex;
	w->frame.port = p->number & (MAX_PORTS - 1);
	w->frame.side = p->side;
	w->frame.state = p->state;
	return 0;
}

__noinline int parse_quote_xdp(struct xdp_md *ctx, __u32 kind)
{
	struct walk *w = walk_here(kind);

	if (w)
		parse_quote(w, (void *)(long)ctx->data, (void *)(long)ctx->data_end, 0, 0);
	return 0;
}

static __always_inline __u32 linear_bytes(struct xdp_md *ctx)
{
	return (long)ctx->data_end - (long)ctx->data;
}

/* The frame is spread over several buffers. */
static __always_inline int in_pieces(struct xdp_md *ctx, struct walk *w)
{
	return linear_bytes(ctx) < w->frame.length;
}

/* Where the first buffer does not hold all that parsing may read. */
static __always_inline void copy_headers(struct xdp_md *ctx, struct walk *w)
{
	__u32 bytes = w->frame.length;

	if (bytes > PARSE_BYTES)
		bytes = PARSE_BYTES;
	if (bytes < sizeof(struct ethhdr) || bpf_xdp_load_bytes(ctx, 0, w->headers, bytes))
		bytes = 0;
	w->copied = bytes;
}

__noinline int parse_copy(__u32 kind)
{
	struct walk *w = walk_here(kind);

	if (!w)
		return REASON_MALFORMED_ETH;
	return parse(&w->frame, w->headers, w->headers + w->copied, w->frame.length, 0, 0, 1);
}

__noinline int parse_quote_copy(__u32 kind)
{
	struct walk *w = walk_here(kind);

	if (w)
		parse_quote(w, w->headers, w->headers + w->copied, 0, 1);
	return 0;
}

/* What the first buffer does not hold. Apart from parse_xdp: most frames lie in one. */
__noinline int parse_pieces(struct xdp_md *ctx, __u32 kind)
{
	struct walk *w = walk_here(kind);
	int reason;

	if (!w)
		return REASON_MALFORMED_ETH;
	copy_headers(ctx, w);
	reason = parse_copy(kind);
	if (!reason && w->frame.flags & FRAME_ERROR)
		parse_quote_copy(kind);
	if (!reason && w->frame.flags & FRAME_TCP_OPTIONS)
		read_options_xdp(ctx, kind);
	if (!reason && w->frame.flags & FRAME_PROBE)
		read_probe_xdp(ctx, kind);
	return reason;
}

/* Global, so that it is verified once, apart from the walk. Measured is the frame, not its first buffer. */
__noinline int parse_xdp(struct xdp_md *ctx, __u32 kind)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct walk *w = walk_here(kind);
	int reason;

	if (!w)
		return REASON_MALFORMED_ETH;
	w->frame.length = bpf_xdp_get_buff_len(ctx);
	w->frame.longest = w->frame.length;
	w->frame.segments = 1;
	if (in_pieces(ctx, w) && linear_bytes(ctx) < PARSE_BYTES)
		return parse_pieces(ctx, kind);
	reason = parse(&w->frame, data, end, w->frame.length, 0, 0, 0);
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
		/* The devmap would not take it: tc sends the frame itself. */
		if (outcome == OUTCOME_FORWARDED)
			ifindex = ifindex_of(w->verdict.out_port);
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

/* XDP_REDIRECT: back by the devmap, which takes it to the port that it came in on as to any other. */
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
	return XDP_REDIRECT;
}

static __always_inline int sends_frags(__u32 port)
{
	struct port *p = bpf_map_lookup_elem(&port_list, &port);

	return p && p->flags & PORT_SENDS_FRAGS;
}

/* An express_result. `pieces`: the frame may lie in several buffers. */
__noinline int express_xdp(struct xdp_md *ctx, __u32 pieces)
{
	struct port *p = port_of(ctx->ingress_ifindex);
	struct walk *w = walk_here(WALK_PACKET);
	struct cursor c = {.data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};

	if (!w || !p)
		return EXPRESS_NOT;
	c.left = linear_bytes(ctx);
	if (pieces && bpf_xdp_get_buff_len(ctx) != c.left)
		return EXPRESS_NOT;
	return express(w, p, &c, 0, 0);
}

/* `handover` and `out`: the maps of programs and of devices. */
static __always_inline int judge_xdp(struct xdp_md *ctx, void *handover, void *out, __u32 pieces)
{
	int way = express_xdp(ctx, pieces);
	struct verdict *v;
	struct walk *w;
	__u32 mark;

	if (way >= 0)
		return bpf_redirect_map(out, way, 0);
	if (walk_from(ctx->ingress_ifindex, WALK_PACKET))
		return XDP_DROP;
	judge(parse_xdp(ctx, WALK_PACKET), WALK_PACKET);

	w = walk_here(WALK_PACKET);
	if (!w)
		return XDP_DROP;
	v = &w->verdict;
	if (v->action == ACTION_DROP)
		bpf_tail_call(ctx, handover, HANDOVER_OLD);
	mark = log_mark(w);
	switch (v->action) {
	case ACTION_FORWARD:
		if (mark || (in_pieces(ctx, w) && !sends_frags(v->out_port)))
			return xdp_pass(ctx, mark, OUTCOME_FORWARDED);
		account(w, OUTCOME_FORWARDED);
		return bpf_redirect_map(out, v->out_port, 0);
	case ACTION_EVERY_PORT:
		/* The devmap leaves no port out, and copies one buffer: tc judges, and sends. */
		if (in_pieces(ctx, w) || !every_port_open(WALK_PACKET))
			return XDP_PASS;
		account(w, OUTCOME_FORWARDED);
		return bpf_redirect_map(out, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
	case ACTION_DETOUR:
	case ACTION_FLOOD:
		return xdp_pass(ctx, mark, OUTCOME_PASSED);
	case ACTION_ANSWER:
	case ACTION_HEARD:
		if (xdp_answer(ctx) != XDP_REDIRECT)
			return XDP_DROP;
		return bpf_redirect_map(out, w->frame.port, 0);
	default:
		if (mark)
			return xdp_pass(ctx, mark, OUTCOME_DROP + v->reason);
		account(w, OUTCOME_DROP + v->reason);
		return XDP_DROP;
	}
}

/* In generic mode: there the kernel loses where the headers are when a program takes several buffers,
 * and puts every frame into one for a program that does not. */
SEC("xdp")
int xdp_wall(struct xdp_md *ctx)
{
	return judge_xdp(ctx, &handover_xdp, &tx_ports, 0);
}

/* In native mode. */
SEC("xdp.frags")
int xdp_wall_frags(struct xdp_md *ctx)
{
	return judge_xdp(ctx, &handover_xdp_frags, &tx_ports_frags, 1);
}

SEC("xdp")
int explain_wall(struct xdp_md *ctx)
{
	struct walk *w = walk_here(WALK_EXPLAIN);
	struct verdict *to;

	if (!w || walk_from(ctx->ingress_ifindex, WALK_EXPLAIN))
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
