/* SPDX-License-Identifier: GPL-2.0 */
/* A frame that no state speaks for: deny lines, then the matrix; what is allowed gets a state. */
#ifndef BW_OPENING_H
#define BW_OPENING_H

#include "allowance.h"
#include "expect.h"
#include "pick_up.h"

/* A miss: deny, then the matrix; what is allowed gets a state. Returns a reason. */
static __always_inline int judge_opening(struct walk *w)
{
	int reason = judge_frame_flow(w, w->may_open ? JUDGE_MAY_OPEN : 0);
	__u32 limited = w->verdict.flags & VERDICT_LIMITED;

	if (reason == REASON_NO_STATE && is_mid_stream(&w->frame))
		return pick_up(w->kind);
	if (lacks_rule(&w->flow, reason) && detour_here() && judge_expected(w->kind, reason))
		return judge_frame_flow(w, JUDGE_MAY_OPEN);
	if (reason && !w->related)
		return reason;
	/* What passes for another's sake takes no allowance. */
	limited = w->related ? 0 : limited;
	if (limited) {
		reason = allowances_take(w);
		if (reason)
			return reason;
	}
	w->verdict.flags |= VERDICT_NEW;
	if (w->frame.flags & FRAME_DRY)
		return 0;
	reason = w->related ? take_expectation(w) : 0;
	if (!reason)
		reason = state_open(w);
	if (!reason)
		return 0;
	if (limited)
		allowances_give_back(w, ALLOWANCE_COUNT);
	event_emit(w, EVENT_TABLE_FULL, reason);
	return reason;
}

#endif
