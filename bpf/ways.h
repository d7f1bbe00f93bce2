/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the table of MACs said last of frames like this one, so that most frames need neither of its two
 * lookups: they were a quarter of what an established packet costs. A CPU remembers it for itself, by
 * MACs, tags and port, and only while asking again would say the same and write nothing: until the
 * source wants to be noted anew or the destination has aged out, whichever is first, so a second at most;
 * as long as no MAC moved (`fdb_changes`) and the topology is what it was (MIRROR_SINCE).
 */
#ifndef BW_WAYS_H
#define BW_WAYS_H

#include "frame.h"
#include "mirror.h"

enum ways_limits {
	WAYS = 256,		/* a power of two */
	WAYS_SHIFT = 56,	/* leaves the top bits of a product: as many as number WAYS */
};

/* dmac, smac and tags, as they lie one after the other in struct frame. */
struct way_key {
	__u64 word[2];
};

_Static_assert(__builtin_offsetof(struct frame, smac) == __builtin_offsetof(struct frame, dmac) + 6 &&
	       __builtin_offsetof(struct frame, tag) == __builtin_offsetof(struct frame, dmac) + 12,
	       "MACs and tags of a frame lie together");

/* A cache line. */
struct way {
	struct way_key key;
	__u64 changes;		/* what `fdb_changes` was before the table was read */
	__u64 until;		/* jiffies */
	__u64 seen;		/* the older of the two times of its MACs */
	__u32 from;
	__u32 to;
	__u64 pad[2];
};

PERCPU_MAP(ways, WAYS, struct way);

static __always_inline void way_key_of(struct way_key *key, struct frame *f)
{
	key->word[0] = ((__u64 *)f->dmac)[0];
	key->word[1] = ((__u64 *)f->dmac)[1];
}

/* The place of frames like this one; another kind may have taken it. */
static __always_inline struct way *way_of(struct walk *w)
{
	struct way_key key;
	__u32 index;

	way_key_of(&key, &w->frame);
	index = place_of(key.word[0], key.word[1], WAYS_SHIFT);
	return bpf_map_lookup_elem(&ways, &index);
}

static __always_inline __u64 way_changes(void)
{
	__u32 zero = 0;
	__u64 *changes = bpf_map_lookup_elem(&fdb_changes, &zero);

	return changes ? *(volatile __u64 *)changes : 0;
}

/* After the table was changed. */
static __always_inline void ways_changed(void)
{
	__u32 zero = 0;
	__u64 *changes = bpf_map_lookup_elem(&fdb_changes, &zero);

	if (changes)
		__sync_fetch_and_add(changes, 1);
}

static __always_inline int way_holds(struct way *way, struct walk *w)
{
	struct way_key key;

	way_key_of(&key, &w->frame);
	return way->key.word[0] == key.word[0] && way->key.word[1] == key.word[1] &&
	       way->from == w->frame.port && way->changes == way_changes() &&
	       (__s64)(way->until - w->now) > 0 && way->seen >= mirror_word(MIRROR_SINCE);
}

/* The source is noted anew when a second has gone by, and the destination is good for the whole of its
 * lifetime: fdb.h. */
static __always_inline void way_keep(struct walk *w, __u64 changes, __u32 to, __u64 from_seen,
				     __u64 to_seen)
{
	__u32 index = TIMEOUT_FDB;
	__u64 *timeout = bpf_map_lookup_elem(&timeouts, &index), again = from_seen + hz, aged;
	struct way *way = way_of(w);

	if (!timeout || !way)
		return;
	aged = to_seen + *timeout + 1;
	way_key_of(&way->key, &w->frame);
	way->changes = changes;
	way->until = (__s64)(again - aged) < 0 ? again : aged;
	way->seen = from_seen < to_seen ? from_seen : to_seen;
	way->from = w->frame.port;
	way->to = to;
}

#endif
