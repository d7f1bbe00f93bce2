/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 6: may this connection be opened? Classes of both ends and of the service, deny lines, then
 * at most two hash lookups per direction. Used for a miss, for re-judging a state after a switch of
 * policy (with the flow as its originator opened it), and by explain. Members are looked up only where
 * the entry that was found asks for dynamic groups.
 */
#ifndef BW_POLICY_H
#define BW_POLICY_H

#include "classify.h"
#include "deny.h"
#include "memberships.h"

static __always_inline struct matrix_entry *matrix_find(void *map, __u8 direction, __u32 host,
							__u32 peer, __u16 service)
{
	struct matrix_key key = {
		.host = host, .peer = peer, .service = service, .direction = direction};
	struct matrix_entry *e = bpf_map_lookup_elem(map, &key);

	if (e)
		return e;
	key.peer = PEER_ANY;
	return bpf_map_lookup_elem(map, &key);
}

/* What two rules of one connection ask for, enum detour_bits: the helper of the destination's goes
 * first, and open is only what neither wants closed. */
static __always_inline __u32 detour_of(__u32 a, __u32 b)
{
	__u32 helper = b & DETOUR_HELPER ? b & DETOUR_HELPER : a & DETOUR_HELPER;
	__u32 inspect = (a | b) & DETOUR_INSPECT, open = (a | b) & DETOUR_OPEN;

	if ((a & DETOUR_INSPECT && !(a & DETOUR_OPEN)) || (b & DETOUR_INSPECT && !(b & DETOUR_OPEN)))
		open = 0;
	return helper | inspect | open;
}

/* The halves of the matrix that the two ends need. Returns a reason, 0: allowed. */
static __always_inline int judge_matrix(void *map, struct flow *flow, struct address_class *src,
					struct address_class *dst, __u16 service,
					struct verdict *v)
{
	struct speaker speaker = {};
	struct matrix_entry *e;
	__u32 flags = 0, asked = 0;

	if (is_elsewhere(src) || is_elsewhere(dst))
		return REASON_NOT_SCREENED;
	if (!src->host && !dst->host) {
		e = matrix_find(map, DIRECTION_TRANSIT, src->peer, dst->peer, service);
		if (!speaker_of(flow, e, &speaker))
			return REASON_NOT_SCREENED;
		v->rule_transit = speaker.rule;
		flags = speaker.flags;
		asked = flags >> MATRIX_DETOUR_AT;
	}
	if (src->host) {
		e = matrix_find(map, DIRECTION_OUT, src->host, dst->peer, service);
		if (!speaker_of(flow, e, &speaker))
			return REASON_NO_OUT;
		v->rule_out = speaker.rule;
		flags = speaker.flags;
		asked = flags >> MATRIX_DETOUR_AT;
	}
	if (dst->host) {
		e = matrix_find(map, DIRECTION_IN, dst->host, src->peer, service);
		if (!speaker_of(flow, e, &speaker))
			return REASON_NO_IN;
		v->rule_in = speaker.rule;
		flags |= speaker.flags;
		asked = detour_of(asked, speaker.flags >> MATRIX_DETOUR_AT);
	}
	v->detour = asked;
	/* Only what is allowed: a drop is logged for its own sake. */
	if (flags & MATRIX_LOG)
		v->flags |= VERDICT_LOG;
	if (flags & MATRIX_SESSION)
		v->flags |= VERDICT_SESSION;
	if (flags & MATRIX_LIMITED)
		v->flags |= VERDICT_LIMITED;
	return 0;
}

enum judge_options {
	JUDGE_MAY_OPEN = 1,	/* the frame is of a kind that opens a connection */
	JUDGE_FRAGMENT = 2,
	JUDGE_FROM_UPLINK = 4,	/* a screened source is spoofed */
	JUDGE_SPOOFED_ONLY = 8,	/* only say which ends are screened */
};

/*
 * Judges flow under the generation in flow->slot: rules, deny line and which ends are screened go
 * into *v. Returns a reason, REASON_NONE: allowed.
 */
__noinline int judge_flow(struct flow *flow, struct verdict *v, __u32 options)
{
	struct address_class *src, *dst;
	struct generation *g;
	__u16 service = 0;
	void *map;
	__u32 slot;

	if (!flow || !v)
		return REASON_NO_POLICY;
	src = &flow->from;
	dst = &flow->to;
	slot = flow->slot;
	g = bpf_map_lookup_elem(&generations, &slot);
	map = bpf_map_lookup_elem(&matrix, &slot);
	if (!g || !map || classify(flow, 0, src) || classify(flow, 1, dst))
		return REASON_NO_POLICY;

	v->rule_out = 0;
	v->rule_in = 0;
	v->rule_transit = 0;
	v->rule_deny = 0;
	v->detour = 0;
	v->flags &= ~(VERDICT_LOG | VERDICT_SOURCE_SCREENED | VERDICT_DESTINATION_SCREENED |
		      VERDICT_LIMITED | VERDICT_SESSION);
	v->flags |= src->host ? VERDICT_SOURCE_SCREENED : 0;
	v->flags |= dst->host ? VERDICT_DESTINATION_SCREENED : 0;
	if (src->host && options & JUDGE_FROM_UPLINK)
		return REASON_SPOOFED;
	if (options & JUDGE_SPOOFED_ONLY)
		return 0;
	if (flow->service != NO_SERVICE)
		service = service_class_of(slot, flow->service);
	if (is_denied(g, flow, src->deny_from, dst->deny_to, service, v))
		return REASON_DENIED;
	if (options & JUDGE_FRAGMENT)
		return REASON_FRAGMENT;
	if (!(options & JUDGE_MAY_OPEN))
		return REASON_NO_STATE;
	if (g->flags & GENERATION_SOURCES)
		v->flags |= VERDICT_LIMITED;
	return judge_matrix(map, flow, src, dst, service, v);
}

#endif
