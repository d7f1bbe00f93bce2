/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Iterators that free what expired. A freed slot of a hash is reused at once, and a packet that
 * still holds a pointer would then change a stranger's state: so a pass only marks what expired as
 * dying, which packets treat as absent, and a later one, at least 10 ms after, deletes it. It claims
 * the slot first: a packet of the same key may be filling it again (state.h).
 * Nobody writes into entries of `pending` in place: they need no mark; those of `fdb` have one of
 * their own (fdb.h).
 *
 * A byte is written per element, so that user space slices the pass by small reads.
 */
#ifndef BW_SWEEP_H
#define BW_SWEEP_H

#include "fdb.h"
#include "state.h"

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_map {
	enum bpf_map_type map_type;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

enum sweep_grace {
	FDB_GRACE_SECONDS = 1,
	PENDING_GRACE_SECONDS = 2,
};

static __always_inline int is_pending(struct bpf_iter__bpf_map_elem *ctx)
{
	return ctx->map->map_type == BPF_MAP_TYPE_LRU_HASH;
}

/* User space takes a slice once the buffer of a read is full: a byte for each element. */
static __always_inline void slice(struct bpf_iter__bpf_map_elem *ctx)
{
	char byte = 0;

	bpf_seq_write(ctx->meta->seq, &byte, 1);
}

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

static __always_inline void sweep_pending(struct state_key *key, __u64 end,
					  struct sweep_stats *stats)
{
	__u64 free = end + PENDING_GRACE_SECONDS * hz;

	if ((__s64)(now_jiffies() - free) <= 0)
		next_pass(stats, free);
	else if (!bpf_map_delete_elem(&pending, key))
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

/* A state that is not alive: its key is copied, for a map is asked by what stands on the stack. */
static __always_inline void sweep_gone(struct state_key *from, struct state *s, int pending,
				       __u32 word, __u64 end, struct sweep_stats *stats)
{
	struct state_key key;

	__builtin_memcpy(&key, from, sizeof(key));
	if (pending)
		sweep_pending(&key, end, stats);
	else
		sweep_established(&key, s, word, end, stats);
}

SEC("iter/bpf_map_elem")
int sweep_states(struct bpf_iter__bpf_map_elem *ctx)
{
	struct sweep_stats *stats = stats_here();
	struct state_key *key = ctx->key;
	struct state *s = ctx->value;
	__u32 word;
	__u64 end;

	if (!key || !s || !stats)
		return 0;
	stats->seen++;
	word = *(volatile __u32 *)&s->word;
	end = s->seen + timeout_of(key, phase_of(word));
	if (!phase_over(phase_of(word)) && (__s64)(now_jiffies() - end) <= 0) {
		stats->live++;
		next_pass(stats, end);
	} else {
		sweep_gone(key, s, is_pending(ctx), word, end, stats);
	}
	slice(ctx);
	return 0;
}

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

SEC("iter/bpf_map_elem")
int sweep_fdb(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 index = TIMEOUT_FDB, port;
	__u64 *timeout = bpf_map_lookup_elem(&timeouts, &index);
	struct sweep_stats *stats = stats_here();
	struct fdb_entry *e = ctx->value;
	void *raw = ctx->key;
	struct fdb_key key;
	__u64 seen;

	if (!raw || !e || !timeout || !stats)
		return 0;
	__builtin_memcpy(&key, raw, sizeof(key));
	seen = *(volatile __u64 *)&e->seen;
	stats->seen++;
	if (fdb_kept(seen, *timeout, now_jiffies())) {
		stats->live++;
	} else if (__sync_val_compare_and_swap(&e->seen, seen, 0) == seen) {
		port = e->port;
		if (!bpf_map_delete_elem(&fdb, &key)) {
			stats->deleted++;
			fdb_count(port, -1);
		}
	}
	slice(ctx);
	return 0;
}

static __always_inline void dump_counters(struct state_record *r)
{
	struct session_key key = {.born = r->state.born};
	struct session *of;

	__builtin_memcpy(&key.key, &r->key, sizeof(key.key));
	of = bpf_map_lookup_elem(&sessions, &key);
	if (of)
		__builtin_memcpy(r->sent, of->sent, sizeof(r->sent));
}

/* Live states as struct state_record, one after the other. */
SEC("iter/bpf_map_elem")
int dump_states(struct bpf_iter__bpf_map_elem *ctx)
{
	struct state *s = ctx->value;
	void *raw = ctx->key;
	struct state_record r;
	__u64 now;

	if (!raw || !s)
		return 0;
	__builtin_memset(&r, 0, sizeof(r));
	__builtin_memcpy(&r.key, raw, sizeof(r.key));
	__builtin_memcpy(&r.state, s, sizeof(r.state));
	now = now_jiffies();
	if (state_gone(&r.state, &r.key, now))
		return 0;
	r.established = !is_pending(ctx);
	r.timeout = timeout_of(&r.key, phase_of(r.state.word)) - (now - r.state.seen);
	if (r.state.word & STATE_COUNTED)
		dump_counters(&r);
	r.state.born = born_here(r.state.born);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

/* The time in jiffies, into the 8 bytes of its context. */
SEC("syscall")
int read_clock(__u64 *ctx)
{
	*ctx = now_jiffies();
	return 0;
}

#endif
