/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 8: what goes to netfilter to be logged, and the mark that tells it what to say. The rate is
 * one window of a second for the whole node; what goes over it is counted, not logged.
 */
#ifndef BW_LOG_H
#define BW_LOG_H

#include "account.h"
#include "frame.h"

/* One record of this second's allowance. log_window: second << 32 | records. */
static __always_inline int log_allowed(struct walk *w)
{
	__u32 zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);
	__u64 *window = bpf_map_lookup_elem(&log_window, &zero);
	__u64 second = w->now / hz << 32, seen;

	if (!n || !window)
		return 0;
	seen = *(volatile __u64 *)window;
	if ((seen & 0xffffffff00000000ULL) != second)
		__sync_val_compare_and_swap(window, seen, second);
	seen = __sync_fetch_and_add(window, 1);
	return (__u32)seen < n->log_rate;
}

/* The mark of a frame that netfilter shall log; 0: no record, and it is counted as suppressed. */
static __always_inline __u32 log_mark(struct walk *w)
{
	struct verdict *v = &w->verdict;
	__u32 rule = v->rule_in ? v->rule_in : v->rule_out ? v->rule_out : v->rule_transit;

	if (!(v->flags & VERDICT_LOG))
		return 0;
	if (!log_allowed(w)) {
		count_outcome(&w->frame, OUTCOME_LOG_SUPPRESSED);
		return 0;
	}
	if (v->action == ACTION_DROP)
		return MARK_DROP_LOG | (v->deny_line & 0xff) << 8 | (v->reason & 0xff);
	if (v->action == ACTION_FLOOD)
		return MARK_ACCEPT_LOG | (rule & ~MARK_KIND);
	return MARK_SENT_LOG | (rule & ~MARK_KIND);
}

#endif
