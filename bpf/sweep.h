/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes that free what expired. A freed slot of a hash is reused at once, and a packet that
 * still holds a pointer would then change a stranger's state: so a pass only marks what expired as
 * dying, which packets treat as absent, and a later one, at least 10 ms after, deletes it. It claims
 * the slot first: a packet of the same key may be filling it again (state.h).
 * Nobody writes into entries of `pending` in place: they need no mark; those of `fdb` have one of
 * their own (fdb.h).
 */
#ifndef BW_SWEEP_H
#define BW_SWEEP_H

#include "fdb.h"
#include "state.h"
#include "visit.h"

enum sweep_grace {
	FDB_GRACE_SECONDS = 1,
	PENDING_GRACE_SECONDS = 2,
};

static __always_inline struct sweep_stats *stats_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sweep_stats, &zero);
}

static __always_inline void next_pass(struct sweep_stats *stats, __u64 when)
{
	if (when < stats->next)
		stats->next = when;
}

static __always_inline void met_late(struct sweep_stats *stats, __u64 by)
{
	if (by > stats->late)
		stats->late = by;
}

/* One that a packet has put there anew since it was copied is another one, and stays. */
static __always_inline void sweep_pending(struct state_key *key, __u64 seen, __u64 end,
					  struct sweep_stats *stats)
{
	__u64 free = end + PENDING_GRACE_SECONDS * hz;
	struct state *s;

	if ((__s64)(now_jiffies() - free) <= 0) {
		next_pass(stats, free);
		return;
	}
	s = bpf_map_lookup_elem(&pending, key);
	if (s && s->seen == seen && !bpf_map_delete_elem(&pending, key))
		stats->deleted++;
}

/* The slot of the generation that judges; judge.h has it by the same words for a packet. */
static __always_inline __u32 slot_now(__u64 now)
{
	__u32 zero = 0, slot;
	__u64 *word = bpf_map_lookup_elem(&cell, &zero), value;
	struct generation *g;

	if (!word)
		return 0;
	value = *(volatile __u64 *)word;
	slot = (__u16)value;
	if (!((__u16)(value >> 16) & CELL_UNCONFIRMED))
		return slot;
	g = bpf_map_lookup_elem(&generations, &slot);
	return g && now >= g->deadline ? g->fallback : slot;
}

/* What is over already, or expired. Whatever comes of it, another pass has to see to it. */
static __always_inline void sweep_established(struct state_key *key, struct state *s, __u32 word,
					      __u64 end, struct sweep_stats *stats)
{
	__u64 seen = s->seen, now = now_jiffies();
	__s64 since;

	next_pass(stats, now);
	if (!phase_over(phase_of(word))) {
		if (state_end(key, s, word, now, slot_now(now))) {
			stats->marked++;
			met_late(stats, now - end);
		}
		return;
	}
	/* Signed: another CPU's clock may be ahead of what this one read. Claimed long ago and still
	 * there: deleting it failed. */
	since = now - seen;
	if (phase_of(word) == PHASE_NONE ? since <= (__s64)hz :
					   since <= hz / 100 + 1 || !state_claim(s, word, now))
		return;
	if (!bpf_map_delete_elem(&established, key))
		stats->deleted++;
}

/* Whether it is alive, and when its time is over. */
static __always_inline int lives_until(struct state_key *key, __u32 word, __u64 seen, __u64 *end)
{
	*end = seen + timeout_of(key, phase_of(word));
	return !phase_over(phase_of(word)) && (__s64)(now_jiffies() - *end) <= 0;
}

/* One that was not alive as it was copied; its key is copied for a map is asked by the stack. */
static __always_inline void sweep_gone(struct state_key *from, int pending, __u64 seen, __u64 end,
				       struct sweep_stats *stats)
{
	struct state_key key;
	struct state *s;
	__u32 word;

	__builtin_memcpy(&key, from, sizeof(key));
	if (pending) {
		sweep_pending(&key, seen, end, stats);
		return;
	}
	s = bpf_map_lookup_elem(&established, &key);
	if (!s)
		return;
	word = *(volatile __u32 *)&s->word;
	if (lives_until(&key, word, *(volatile __u64 *)&s->seen, &end)) {
		stats->live++;
		next_pass(stats, end);
	} else {
		sweep_established(&key, s, word, end, stats);
	}
}

static __always_inline void sweep_state(struct visit *v, struct state_key *key, struct state *s)
{
	struct sweep_stats *stats = stats_here();
	__u64 end;

	if (!stats)
		return;
	stats->seen++;
	if (lives_until(key, s->word, s->seen, &end)) {
		stats->live++;
		next_pass(stats, end);
	} else {
		sweep_gone(key, v->table == VISIT_PENDING, s->seen, end, stats);
	}
}

VISITOR(sweep_states, sweep_state, struct state_key, struct state)

/*
 * Aged out or outdated, either for a second at least: a packet that found the entry alive is
 * through with it by then.
 */
static __always_inline int fdb_kept(__u64 seen, __u64 timeout, __u64 now)
{
	__u64 since = mirror_word(MIRROR_SINCE), grace = FDB_GRACE_SECONDS * hz;

	if ((__s64)(now - seen) > (__s64)(timeout + grace))
		return 0;
	return seen >= since || (__s64)(now - since) <= (__s64)grace;
}

static __always_inline void sweep_mac(struct visit *v, struct fdb_key *raw, struct fdb_entry *copy)
{
	__u32 index = TIMEOUT_FDB, port;
	__u64 *timeout = bpf_map_lookup_elem(&timeouts, &index);
	struct sweep_stats *stats = stats_here();
	struct fdb_entry *e;
	struct fdb_key key;
	__u64 seen;

	if (!timeout || !stats)
		return;
	stats->seen++;
	if (fdb_kept(copy->seen, *timeout, now_jiffies())) {
		stats->live++;
		return;
	}
	__builtin_memcpy(&key, raw, sizeof(key));
	e = bpf_map_lookup_elem(&fdb, &key);
	if (!e)
		return;
	seen = *(volatile __u64 *)&e->seen;
	if (fdb_kept(seen, *timeout, now_jiffies()) ||
	    __sync_val_compare_and_swap(&e->seen, seen, 0) != seen)
		return;
	port = e->port;
	if (!bpf_map_delete_elem(&fdb, &key)) {
		stats->deleted++;
		fdb_count(port, -1);
	}
}

VISITOR(sweep_fdb, sweep_mac, struct fdb_key, struct fdb_entry)

static __always_inline void dump_counters(struct state_record *r)
{
	struct session_key key = {.born = r->state.born};
	struct session *of;

	__builtin_memcpy(&key.key, &r->key, sizeof(key.key));
	of = bpf_map_lookup_elem(&sessions, &key);
	if (of)
		__builtin_memcpy(r->sent, of->sent, sizeof(r->sent));
}

/* Live states as struct state_record. */
static __always_inline void dump_state(struct visit *v, struct state_key *key, struct state *s)
{
	struct state_record r;
	__u64 now;

	__builtin_memset(&r, 0, sizeof(r));
	__builtin_memcpy(&r.key, key, sizeof(r.key));
	__builtin_memcpy(&r.state, s, sizeof(r.state));
	now = now_jiffies();
	if (state_gone(&r.state, &r.key, now))
		return;
	r.established = v->table != VISIT_PENDING;
	r.timeout = timeout_of(&r.key, phase_of(r.state.word)) - (now - r.state.seen);
	if (r.state.word & STATE_COUNTED)
		dump_counters(&r);
	r.state.born = born_here(r.state.born);
	visit_write(v, &r, sizeof(r));
}

VISITOR(dump_states, dump_state, struct state_key, struct state)

/* The time in jiffies, into the 8 bytes of its context. */
SEC("syscall")
int read_clock(__u64 *ctx)
{
	*ctx = now_jiffies();
	return 0;
}

#endif
