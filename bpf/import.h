/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that the other node tells of, into the table of this one: a batch lies in `import_batch`,
 * records of one kind one after the other. Packets may be judged meanwhile, so every change of a state
 * is one that the packet path makes, too.
 *
 * Nothing depends on order. Which connection of the same ends is the later one, its birth says. Of the
 * same one, phases only go on and edges only grow. What is not here may have been, and be over: of each
 * bucket of keys it is known when the last was closed, and what was read before that does not come in.
 */
#ifndef BW_IMPORT_H
#define BW_IMPORT_H

#include "sweep.h"

struct import_batch {
	__u8 bytes[IMPORT_BYTES];
};

SHARED_MAP(import_batch, 1, struct import_batch);

ARRAY_MAP(closed_buckets, CLOSED_BUCKETS, __u64);

SHARED_MAP(touched, 1, struct touched);

/* What is common to all records of a batch. */
struct import_run {
	struct import_call sums;
	__u32 size;
};

static __always_inline __u64 key_hash(struct state_key *key)
{
	__u32 *word = (__u32 *)key;
	__u64 hash = 0xcbf29ce484222325;
	__u32 i;

	for (i = 0; i < sizeof(*key) / sizeof(*word); i++) {
		hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return hash;
}

static __always_inline __u32 bucket_of(__u64 hash)
{
	return hash >> 50 & (CHANGE_BUCKETS - 1);
}

/* How far a connection is on its way; it never goes back. 0: no phase that is told of. */
static __always_inline __u32 phase_rank(__u32 phase)
{
	switch (phase) {
	case PHASE_ESTABLISHED:
	case PHASE_BOTH_WAYS:
		return 1;
	case PHASE_FIN_WAIT:
		return 2;
	case PHASE_CLOSE_WAIT:
		return 3;
	case PHASE_LAST_ACK:
		return 4;
	case PHASE_TIME_WAIT:
		return 5;
	case PHASE_CLOSE:
		return 6;
	}
	return 0;
}

static __always_inline __u64 version_of(__u32 epoch, __u32 read)
{
	return (__u64)epoch << 32 | read;
}

enum version_limits {
	VERSION_LATE_MS = 600000,	/* nothing is later than that */
};

/* Is a told no later than b? Milliseconds go round within an epoch. */
static __always_inline int version_past(__u64 a, __u64 b)
{
	if (a >> 32 != b >> 32)
		return (__s32)((a >> 32) - (b >> 32)) < 0;
	return (__u32)b - (__u32)a < VERSION_LATE_MS;
}

static __always_inline __u64 *closed_bucket(__u64 hash)
{
	__u32 index = hash & (CLOSED_BUCKETS - 1);

	return bpf_map_lookup_elem(&closed_buckets, &index);
}

static __always_inline int closed_since(struct state_key *key, __u64 version)
{
	__u64 *closed = closed_bucket(key_hash(key));

	return closed && *closed && version_past(version, *closed);
}

/*
 * Two looks at this bucket that count what was born then may differ although nothing is wrong. A pass and an import
 * may be here at once.
 */
static __always_inline void touch(__u64 hash, __u64 born)
{
	__u32 zero = 0, i;
	struct touched *t = bpf_map_lookup_elem(&touched, &zero);
	__u64 *at, old;

	if (!t)
		return;
	at = &t->born[bucket_of(hash) & (CHANGE_BUCKETS - 1)];
	for (i = 0; i < KILL_TRIES; i++) {
		old = *(volatile __u64 *)at;
		if ((old && (__s64)(old - born) <= 0) ||
		    __sync_val_compare_and_swap(at, old, born) == old)
			return;
	}
}

static __always_inline void note_closed(struct state_key *key, __u64 version)
{
	__u64 *closed = closed_bucket(key_hash(key));

	if (closed && (!*closed || version_past(*closed, version)))
		*closed = version;
}

static __always_inline int is_v4_mapped(struct address *a)
{
	__be32 *w = words(a);

	return !w[0] && !w[1] && w[2] == bpf_htonl(0xffff);
}

/* The lower one first, and both of the family that is said. */
static __always_inline int key_is_sound(struct state_key *key)
{
	int mapped = is_v4_mapped(&key->low) && is_v4_mapped(&key->high);

	if (key->family != 4 && key->family != 6)
		return 0;
	return (key->family == 4) == mapped && !address_above(&key->low, &key->high);
}

/* A first value of an edge, or a further one; numbers go round, so one told much later is the further. */
static __always_inline void edge_told(__u32 *field, __u32 to, int later)
{
	__u32 old = edge(field);

	if (!old || later || seq_after(to, old))
		__sync_val_compare_and_swap(field, old, to);
}

/*
 * Packets passed the other node while they pass here as well: each knows of some, and what that one tells
 * of an end that has not spoken there is how far it may have come at most. So both ends are learned anew
 * from their next segments, as after a takeover (adopt.h).
 */
static __always_inline void edges_forgotten(struct state *s)
{
	__u32 i, word;

	for (i = 0; i < KILL_TRIES; i++) {
		word = *(volatile __u32 *)&s->word;
		if (__sync_val_compare_and_swap(&s->word, word, word & ~BOTH_KNOWN) == word)
			break;
	}
	*(volatile __u32 *)&s->tcp[0].end = 0;
	*(volatile __u32 *)&s->tcp[1].end = 0;
}

static __always_inline int is_ahead(struct tcp_side *told, struct tcp_side *here)
{
	return (told->end && seq_after(told->end, edge(&here->end))) ||
	       (told->acked && seq_after(told->acked, edge(&here->acked)));
}

static __always_inline void edges_told(struct state *s, struct state *from)
{
	int later = (__s64)(from->seen - s->seen) > (__s64)(2 * hz);

	/* Of a node whose packets pass, windows are what its packets say. */
	if (!is_standby()) {
		if (is_ahead(&from->tcp[0], &s->tcp[0]) || is_ahead(&from->tcp[1], &s->tcp[1]))
			edges_forgotten(s);
		return;
	}
	edge_told(&s->tcp[0].end, from->tcp[0].end, later);
	edge_told(&s->tcp[1].end, from->tcp[1].end, later);
	edge_told(&s->tcp[0].acked, from->tcp[0].acked, later);
	edge_told(&s->tcp[1].acked, from->tcp[1].acked, later);
}

/* Moves the phase on. Whether it did. */
static __always_inline int phase_told(struct walk *w, struct state *s, __u32 told)
{
	const __u32 closing = STATE_PHASE | STATE_FIN_HIGH;
	__u32 word, i;

	for (i = 0; i < KILL_TRIES; i++) {
		word = *(volatile __u32 *)&s->word;
		if (phase_over(phase_of(word)) ||
		    phase_rank(told & STATE_PHASE) <= phase_rank(phase_of(word)))
			return 0;
		if (__sync_val_compare_and_swap(&s->word, word,
						(word & ~closing) | (told & closing)) != word)
			continue;
		if (!phase_counts(told & STATE_PHASE))
			state_uncount(&w->key, s, word, w->flow.slot);
		sweep_after(w, told & STATE_PHASE);
		return 1;
	}
	return 0;
}

static __always_inline void seen_told(struct state *s, __u64 seen)
{
	if ((__s64)(seen - s->seen) > 0)
		s->seen = seen;
}

static __always_inline void import_count(struct walk *w, struct state *s)
{
	count_state(&w->key, s->word, s->rule_in, w->flow.slot, COUNT_ADD);
	touch(key_hash(&w->key), s->born);
	sweep_by(s->seen + timeout_of(&w->key, phase_of(s->word)));
}

static __always_inline void import_new(struct walk *w, struct import_call *sums, __u64 version)
{
	struct state *s = &w->state;
	int err;

	if (closed_since(&w->key, version) || state_gone(s, &w->key, w->now)) {
		sums->stale++;
		return;
	}
	err = bpf_map_update_elem(&established, &w->key, s, BPF_NOEXIST);
	if (err) {
		if (err == -EEXIST)
			sums->stale++;
		else
			sums->full++;
		return;
	}
	import_count(w, s);
	sums->added++;
}

/* w->state takes the place of an earlier connection of the same ends. */
static __always_inline void import_over(struct walk *w, struct state *s, struct import_call *sums)
{
	__u32 word;

	touch(key_hash(&w->key), s->born);
	state_kill(w, s);
	word = *(volatile __u32 *)&s->word;
	if (phase_of(word) != PHASE_DYING || state_refill(w, s, word)) {
		sums->stale++;
		return;
	}
	import_count(w, &w->state);
	sums->added++;
}

static __always_inline void import_onto(struct walk *w, struct state *s, struct import_call *sums)
{
	__s64 later = w->state.born - s->born;
	int moved;

	if (later > 0) {
		import_over(w, s, sums);
		return;
	}
	if (later < 0 || phase_over(phase_of(*(volatile __u32 *)&s->word))) {
		sums->stale++;
		return;
	}
	moved = (__s64)(w->state.seen - s->seen) > 0;
	if (w->key.proto == IPPROTO_TCP)
		edges_told(s, &w->state);
	seen_told(s, w->state.seen);
	moved |= phase_told(w, s, w->state.word);
	if (moved)
		sums->moved++;
	else
		sums->stale++;
}

/* What both heads have of a key, under the same names. */
#define IMPORT_KEY(w_, h_)                                                                         \
	do {                                                                                       \
		(w_)->key.low_port = (h_)->low_port;                                               \
		(w_)->key.high_port = (h_)->high_port;                                             \
		(w_)->key.tag[0] = (h_)->tag[0];                                                   \
		(w_)->key.tag[1] = (h_)->tag[1];                                                   \
		(w_)->key.proto = (h_)->proto;                                                     \
		(w_)->key.family = (h_)->family;                                                   \
		(w_)->key.pad[0] = 0;                                                              \
		(w_)->key.pad[1] = 0;                                                              \
	} while (0)

/* Whether the record makes sense: it is w->key and w->state then. */
static __always_inline int import_state(struct walk *w, struct change_head *h)
{
	struct state *s = &w->state;
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&cell, &zero);

	IMPORT_KEY(w, h);
	if (!word || !key_is_sound(&w->key) || !phase_rank(h->word & STATE_PHASE))
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->seen = w->now - (__u64)h->idle * hz / 1000;
	s->born = h->born;
	s->word = (h->word & STATE_SHARED) | colour_now();
	/* Of an epoch that is past: what its next packet finds here is judged by this node's policy. */
	s->epoch = (*(volatile __u64 *)word >> 32) - 2;
	s->tcp[0].end = h->end[0];
	s->tcp[1].end = h->end[1];
	s->tcp[0].acked = h->acked[0];
	s->tcp[1].acked = h->acked[1];
	return 1;
}

static __always_inline void import_addresses4(struct walk *w, __be32 low, __be32 high)
{
	address_from_v4(&w->key.low, low);
	address_from_v4(&w->key.high, high);
}

static __always_inline void import_told(struct walk *w, struct import_call *sums, __u32 read)
{
	struct state *s = bpf_map_lookup_elem(&established, &w->key);

	if (s)
		import_onto(w, s, sums);
	else
		import_new(w, sums, version_of(sums->epoch, read));
}

static __always_inline void import_end(struct walk *w, struct end_head *h, struct import_call *sums)
{
	struct state *s;

	IMPORT_KEY(w, h);
	if (!key_is_sound(&w->key) || (h->phase != PHASE_DYING && phase_rank(h->phase) < 5)) {
		sums->bad++;
		return;
	}
	note_closed(&w->key, version_of(sums->epoch, h->read));
	touch(key_hash(&w->key), h->born);
	s = bpf_map_lookup_elem(&established, &w->key);
	if (!s || (__s64)(s->born - h->born) > 0) {
		sums->stale++;
		return;
	}
	touch(key_hash(&w->key), s->born);
	/* Where packets pass, they and the clock say what is over. */
	if (h->phase == PHASE_DYING && is_standby())
		state_kill(w, s);
	else if (h->phase != PHASE_DYING &&
		 phase_told(w, s, h->phase | (s->word & STATE_FIN_HIGH)))
		s->seen = w->now;
	sums->ended++;
}

static __always_inline void import_child(struct walk *w, struct child_change *c,
					 struct import_call *sums)
{
	__builtin_memcpy(&w->key, &c->child, sizeof(w->key));
	__builtin_memcpy(&w->master, &c->master, sizeof(w->master));
	if (!key_is_sound(&w->key) || !key_is_sound(&w->master.key))
		sums->bad++;
	else if (bpf_map_update_elem(&children, &w->key, &w->master, BPF_ANY))
		sums->full++;
	else
		sums->moved++;
}

/* One record, at that many bytes. */
__noinline int import_record(struct import_call *sums, __u32 at)
{
	struct walk *w = walk_here(WALK_IMPORT);
	struct import_batch *batch;
	__u32 zero = 0;
	void *raw;

	batch = bpf_map_lookup_elem(&import_batch, &zero);
	if (!w || !batch || !sums || at > IMPORT_BYTES - sizeof(struct child_change))
		return 0;
	raw = batch->bytes + at;
	switch (sums->kind) {
	case CHANGE_STATE4: {
		struct change4 *c = raw;

		import_addresses4(w, c->low, c->high);
		if (import_state(w, &c->head))
			import_told(w, sums, c->head.read);
		else
			sums->bad++;
		break;
	}
	case CHANGE_STATE: {
		struct change *c = raw;

		address_copy(&w->key.low, &c->low);
		address_copy(&w->key.high, &c->high);
		if (import_state(w, &c->head))
			import_told(w, sums, c->head.read);
		else
			sums->bad++;
		break;
	}
	case CHANGE_END4: {
		struct end4 *e = raw;

		import_addresses4(w, e->low, e->high);
		import_end(w, &e->head, sums);
		break;
	}
	case CHANGE_END: {
		struct end *e = raw;

		address_copy(&w->key.low, &e->low);
		address_copy(&w->key.high, &e->high);
		import_end(w, &e->head, sums);
		break;
	}
	case CHANGE_CHILD:
		import_child(w, raw, sums);
		break;
	}
	return 0;
}

static int import_next(__u32 index, struct import_run *run)
{
	import_record(&run->sums, index * run->size);
	return 0;
}

static __always_inline __u32 change_size(__u32 kind)
{
	switch (kind) {
	case CHANGE_STATE4:
		return sizeof(struct change4);
	case CHANGE_STATE:
		return sizeof(struct change);
	case CHANGE_END4:
		return sizeof(struct end4);
	case CHANGE_CHILD:
		return sizeof(struct child_change);
	}
	return sizeof(struct end);
}

SEC("syscall")
int import_changes(struct import_call *ctx)
{
	struct walk *w = walk_begin(WALK_IMPORT);
	struct import_run run;

	if (!w || ctx->kind >= CHANGE_KINDS)
		return -EINVAL;
	__builtin_memset(&run, 0, sizeof(run));
	run.sums.kind = ctx->kind;
	run.sums.epoch = ctx->epoch;
	run.size = change_size(ctx->kind);
	w->flow.slot = slot_now(w->now);
	bpf_loop(ctx->count, import_next, &run, 0);
	ctx->added = run.sums.added;
	ctx->moved = run.sums.moved;
	ctx->ended = run.sums.ended;
	ctx->stale = run.sums.stale;
	ctx->full = run.sums.full;
	ctx->bad = run.sums.bad;
	return 0;
}

#endif
