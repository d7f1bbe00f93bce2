/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pass over the sessions, once a second while there are any: tells what began and what ended, and
 * frees what has no state any more. What the ring has no room for is told by the next pass.
 */
#ifndef BW_SESSION_SWEEP_H
#define BW_SESSION_SWEEP_H

#include "sweep.h"

enum session_sweep_limits {
	SESSION_RING_FULL = 1 << 20,	/* its reader drops what goes beyond half of the ring */
	SESSION_NEWBORN = 3,		/* jiffies: its state may be on its way into its table */
};

static __always_inline struct state *session_state_in(void *table, struct session_key *key)
{
	struct state *s = bpf_map_lookup_elem(table, &key->key);

	return s && s->born == key->born ? s : NULL;
}

/* Another CPU may promote it in between. */
static __always_inline struct state *session_state(struct session_key *key)
{
	struct state *s = session_state_in(&established, key);

	if (!s)
		s = session_state_in(&pending, key);
	return s ? s : session_state_in(&established, key);
}

/* Why one ended whose state is gone. */
static __always_inline __u32 session_why(struct session_key *key, struct session *of, int expired,
					 __u64 now)
{
	__u32 why = of->why ? of->why : session_end_by_phase(of->phase);

	if (why)
		return why;
	if (expired || (__s64)(now - of->last) >= (__s64)timeout_of(&key->key, of->phase))
		return SESSION_EXPIRED;
	if (bpf_map_lookup_elem(&established, &key->key) || bpf_map_lookup_elem(&pending, &key->key))
		return SESSION_REPLACED;
	return SESSION_EVICTED;
}

static __always_inline int session_tell(struct session_key *key, struct session *of, __u32 why)
{
	struct session_record r;

	if (bpf_ringbuf_query(&session_ring, BPF_RB_AVAIL_DATA) > SESSION_RING_FULL)
		return -1;
	__builtin_memset(&r, 0, sizeof(r));
	__builtin_memcpy(&r.key, &key->key, sizeof(r.key));
	__builtin_memcpy(&r.session, of, sizeof(r.session));
	r.why = why;
	r.born = born_here(key->born);
	return bpf_ringbuf_output(&session_ring, &r, sizeof(r), 0) ? -1 : 0;
}

/* Tells what is to be told. Returns nonzero when some of it could not be. */
static __always_inline int session_report(struct session_key *key, struct session *of, __u32 why)
{
	if (!(of->flags & SESSION_TELL) || of->flags & SESSION_ENDED)
		return 0;
	if (!(of->flags & SESSION_TOLD)) {
		if (session_tell(key, of, SESSION_LIVES))
			return -1;
		of->flags |= SESSION_TOLD;
	}
	if (!why)
		return 0;
	if (session_tell(key, of, why))
		return -1;
	of->flags |= SESSION_ENDED;
	return 0;
}

static __always_inline void sweep_session(struct session_key *key, struct session *of,
					  struct session_stats *stats)
{
	struct state *s = session_state(key);
	__u64 now = now_jiffies();
	int gone = !s || state_gone(s, &key->key, now);
	__u32 why;

	if (!s && (__s64)(now - born_here(key->born)) < SESSION_NEWBORN)
		return;
	if (!gone) {
		of->word = s->word;
		of->rule_out = s->rule_out;
		of->rule_in = s->rule_in;
	}
	why = gone ? session_why(key, of, !!s, now) : session_end_by_phase(phase_of(of->word));
	if (session_report(key, of, why))
		stats->held++;
	else if (gone && !bpf_map_delete_elem(&sessions, key))
		stats->ended++;
}

static __always_inline void visit_session(struct visit *v, struct session_key *raw,
					  struct session *copy)
{
	struct session_stats *stats = session_stats_here();
	struct session_key key;
	struct session *of;

	__builtin_memcpy(&key, raw, sizeof(key));
	of = bpf_map_lookup_elem(&sessions, &key);
	if (of && stats)
		sweep_session(&key, of, stats);
}

VISITOR(sweep_sessions, visit_session, struct session_key, struct session)

#endif
