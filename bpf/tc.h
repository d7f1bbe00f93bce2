/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry point in tc (clsact ingress), always there: it judges what XDP did not, sets the mark of
 * what XDP passed on, and sees hardware-stripped tags and aggregated frames as such.
 */
#ifndef BW_TC_H
#define BW_TC_H

#include <linux/pkt_cls.h>
#include "handover.h"
#include "judge.h"
#include "log.h"
#include "parse.h"
#include "quote.h"
#include "xdp.h"

__noinline int parse_quote_skb(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);

	if (w)
		parse_quote(w, (void *)(long)skb->data, (void *)(long)skb->data_end,
			    skb->vlan_present ? 4 : 0, 0);
	return 0;
}

/* The tag that hardware took off the frame; `tpid` 0: none. */
static __always_inline void stripped_tag(struct __sk_buff *skb, __u32 *tpid, __u32 *tci)
{
	*tpid = skb->vlan_present ? bpf_ntohs((__be16)skb->vlan_proto) : 0;
	*tci = skb->vlan_present ? skb->vlan_tci : 0;
}

__noinline int parse_skb(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct walk *w = walk_here(WALK_PACKET);
	__u32 tpid, tci;
	int reason;

	if (!w)
		return REASON_MALFORMED_ETH;
	stripped_tag(skb, &tpid, &tci);
	w->frame.flags &= FRAME_DRY;
	w->frame.tag[0] = 0;
	w->frame.tag[1] = 0;
	reason = parse(&w->frame, data, end, skb->len, tpid, tci, 0);
	if (!reason && w->frame.flags & FRAME_ERROR)
		parse_quote_skb(skb);
	if (!reason && w->frame.flags & FRAME_TCP_OPTIONS)
		read_options_skb(skb);
	if (!reason && w->frame.flags & FRAME_PROBE)
		read_probe_skb(skb);
	return reason;
}

/* The first of fragments parses without the transport header that decides what becomes of it. */
static __always_inline int upper_unread(struct frame *f)
{
	return (f->flags & (FRAME_FRAGMENT | FRAME_UPPER)) == FRAME_FRAGMENT &&
	       !f->fragment_offset;
}

/* Headers beyond the linear part are pulled in only when the frame, or what it quotes, does not
 * parse without. */
static __always_inline int parse_linear(struct __sk_buff *skb, struct frame *f)
{
	int reason = parse_skb(skb);
	__u32 linear;

	if (!reason && !quote_unread(f) && !upper_unread(f))
		return 0;
	linear = (void *)(long)skb->data_end - (void *)(long)skb->data;
	if (linear >= skb->len || linear >= PARSE_BYTES)
		return reason;
	if (bpf_skb_pull_data(skb, skb->len < PARSE_BYTES ? skb->len : PARSE_BYTES))
		return reason;
	return parse_skb(skb);
}

/* Bytes as they were on the wire: every segment repeats the headers, a tag taken off included. */
static __always_inline void measure(struct __sk_buff *skb, struct frame *f)
{
	__u32 segments = skb->gso_segs ? skb->gso_segs : 1;

	f->segments = segments;
	f->length = skb->len + (segments - 1) * f->headers;
	f->longest = skb->len;
	if (skb->vlan_present) {
		f->length += 4;
		f->longest += 4;
	}
	if (skb->gso_size && f->longest > f->headers + skb->gso_size)
		f->longest = f->headers + skb->gso_size;
}

/* What XDP judged: its mark, and the copy that XDP could not send. 0: XDP did not judge it. `way`: the
 * device that it found for it; 0: netfilter and the bridge know. */
static __always_inline __u32 take_meta(struct __sk_buff *skb, __u32 *way)
{
	struct xdp_meta *meta = (void *)(long)skb->data_meta;
	__u32 mark, ifindex;

	if ((void *)(meta + 1) > (void *)(long)skb->data || meta->secret != meta_secret ||
	    meta->from != skb->ifindex)
		return 0;
	mark = meta->mark;
	ifindex = meta->ifindex;
	if ((mark & MARK_KIND) == MARK_SENT_LOG) {
		skb->mark = meta->copy;
		bpf_clone_redirect(skb, ifindex, detour_flags(skb->mark));
		ifindex = 0;
	}
	*way = ifindex;
	return mark;
}

/* Global, like the parser: 64 ports on every path to here are too much for the verifier of 6.1. */
__noinline int send_everywhere(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);
	__u32 ingress = skb->ifindex, i;

	if (!w)
		return 0;
	for (i = 0; i < MAX_PORTS; i++) {
		__u32 number = i;
		struct port *p = bpf_map_lookup_elem(&port_list, &number);

		if (p && p->ifindex && p->ifindex != ingress && port_open(w, p->state))
			bpf_clone_redirect(skb, p->ifindex, 0);
	}
	return 0;
}

__noinline int tc_answer(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);

	if (!w)
		return TC_ACT_SHOT;
	count_outcome(&w->frame, OUTCOME_RX);
	count_outcome(&w->frame, OUTCOME_ANSWERED);
	if (w->verdict.action != ACTION_ANSWER ||
	    bpf_skb_store_bytes(skb, 0, w->probe.dmac, PROBE_FRAME_BYTES, 0))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}

__noinline int tc_carry_out(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);
	__u32 mark, ifindex;
	struct verdict *v;

	if (!w)
		return TC_ACT_SHOT;
	v = &w->verdict;
	mark = log_mark(w);
	/* What is sent from here needs it at the gate of the out port. */
	skb->mark = MARK_ACCEPT;
	switch (v->action) {
	case ACTION_FORWARD:
		account(w, OUTCOME_FORWARDED);
		ifindex = ifindex_of(v->out_port);
		if (!mark)
			return bpf_redirect(ifindex, 0);
		bpf_clone_redirect(skb, ifindex, 0);
		break;
	case ACTION_EVERY_PORT:
		account(w, OUTCOME_FORWARDED);
		send_everywhere(skb);
		return TC_ACT_SHOT;
	case ACTION_DETOUR:
		account(w, OUTCOME_PASSED);
		skb->mark = detour_mark(w);
		ifindex = detour_in();
		if (!mark)
			return bpf_redirect(ifindex, BPF_F_INGRESS);
		bpf_clone_redirect(skb, ifindex, BPF_F_INGRESS);
		break;
	case ACTION_FLOOD:
		account(w, OUTCOME_PASSED);
		mark = mark ? mark : MARK_ACCEPT;
		break;
	case ACTION_ANSWER:
	case ACTION_HEARD:
		return tc_answer(skb);
	default:
		account(w, OUTCOME_DROP + v->reason);
		if (!mark)
			return TC_ACT_SHOT;
	}
	skb->mark = mark;
	return TC_ACT_OK;
}

/* An express_result. Aggregates are none: what they cost is shared by their segments. */
__noinline int express_skb(struct __sk_buff *skb)
{
	struct port *p = port_of(skb->ifindex);
	struct walk *w = walk_here(WALK_PACKET);
	struct cursor c = {.data = (void *)(long)skb->data, .end = (void *)(long)skb->data_end};
	__u32 tpid, tci;

	if (!w || !p || skb->gso_size || skb->gso_segs > 1)
		return EXPRESS_NOT;
	stripped_tag(skb, &tpid, &tci);
	c.hidden = skb->vlan_present ? 4 : 0;
	c.left = skb->len;
	return express(w, p, &c, tpid, tci);
}

SEC("tc")
int tc_wall(struct __sk_buff *skb)
{
	__u32 way = 0, mark = take_meta(skb, &way);
	struct walk *w;
	int parsed, to;

	if (mark) {
		skb->mark = mark;
		if (detour_flags(mark))
			return bpf_redirect(detour_in(), BPF_F_INGRESS);
		return way ? bpf_redirect(way, 0) : TC_ACT_OK;
	}
	to = express_skb(skb);
	if (to >= 0) {
		skb->mark = MARK_ACCEPT;
		return bpf_redirect(ifindex_of(to), 0);
	}
	w = walk_here(WALK_PACKET);
	if (!w || walk_from(skb->ifindex, WALK_PACKET))
		return TC_ACT_SHOT;
	parsed = parse_linear(skb, &w->frame);
	measure(skb, &w->frame);
	judge(parsed, WALK_PACKET);
	if (w->verdict.action == ACTION_DROP)
		bpf_tail_call(skb, &handover_tc, HANDOVER_OLD);
	return tc_carry_out(skb);
}

#endif
