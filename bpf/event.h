/* SPDX-License-Identifier: GPL-2.0 */
/* Step 9: events, one ring buffer per CPU. A record that finds no room is counted as lost. */
#ifndef BW_EVENT_H
#define BW_EVENT_H

#include "frame.h"

static __always_inline void event_lost(void)
{
	__u32 zero = 0;
	__u64 *lost = bpf_map_lookup_elem(&event_losses, &zero);

	/* A pass over the states may be interrupted by a packet right here. */
	if (lost)
		__sync_fetch_and_add(lost, 1);
}

static __always_inline void event_emit(struct walk *w, __u32 type, __u32 info)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&events, &cpu);
	struct event *e = &w->event;

	e->time = w->now;
	e->type = type;
	e->port = w->frame.port;
	e->info = info;
	e->epoch = w->epoch;
	if (type == EVENT_MAC_MOVED) {
		__builtin_memset(&e->key, 0, sizeof(e->key));
		__builtin_memcpy(e->key.low.byte, w->frame.smac, 6);
		e->key.tag[0] = w->frame.tag[0];
		e->key.tag[1] = w->frame.tag[1];
	} else {
		e->key = w->key;
	}
	if (!ring || bpf_ringbuf_output(ring, e, sizeof(*e), 0))
		event_lost();
}

#endif
