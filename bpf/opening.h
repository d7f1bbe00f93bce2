/* SPDX-License-Identifier: GPL-2.0 */
/* A frame that no state speaks for: deny lines, then the matrix; what is allowed gets a state. */
#ifndef BW_OPENING_H
#define BW_OPENING_H

#include "allowance.h"
#include "event.h"
#include "policy.h"
#include "state.h"

static __always_inline void flow_of_frame(struct walk *w)
{
	address_copy(&w->flow.src, &w->frame.src);
	address_copy(&w->flow.dst, &w->frame.dst);
	w->flow.service = service_of(&w->frame);
}

static __always_inline int judge_frame_flow(struct walk *w, __u32 options)
{
	if (w->frame.side == SIDE_UPLINK)
		options |= JUDGE_FROM_UPLINK;
	flow_of_frame(w);
	return judge_flow(&w->flow, &w->verdict, options);
}

/* A miss: deny, then the matrix; what is allowed gets a state. Returns a reason. */
static __always_inline int judge_opening(struct walk *w)
{
	int reason = judge_frame_flow(w, w->may_open ? JUDGE_MAY_OPEN : 0);
	__u32 limited = w->verdict.flags & VERDICT_LIMITED;

	if (reason)
		return reason;
	if (limited) {
		reason = allowances_take(w);
		if (reason)
			return reason;
	}
	w->verdict.flags |= VERDICT_NEW;
	if (w->frame.flags & FRAME_DRY)
		return 0;
	reason = state_open(w);
	if (!reason)
		return 0;
	if (limited)
		allowances_give_back(w, ALLOWANCES);
	event_emit(w, EVENT_TABLE_FULL, reason);
	return reason;
}

#endif
