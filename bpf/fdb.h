/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Learned MACs, per VLAN tags, from accepted frames only. The kernel's own FDB is blind to tags and
 * would learn from what the wall floods; it is switched off on our ports. Entries that aged out
 * count as absent; the sweep frees them a second later.
 */
#ifndef BW_FDB_H
#define BW_FDB_H

#include "event.h"
#include "frame.h"
#include "mirror.h"
#include "ways.h"

static __always_inline void fdb_key_of(struct fdb_key *key, struct frame *f, __u8 *mac)
{
	__builtin_memcpy(key->mac, mac, 6);
	key->tag[0] = f->tag[0];
	key->tag[1] = f->tag[1];
	key->pad[0] = 0;
	key->pad[1] = 0;
}

static __always_inline int fdb_expired(__u64 seen, __u64 now)
{
	__u32 index = TIMEOUT_FDB;
	__u64 *timeout = bpf_map_lookup_elem(&timeouts, &index);

	return !timeout || (__s64)(now - seen) > (__s64)*timeout;
}

/* Learned before the topology changed, and not seen since. */
static __always_inline int fdb_outdated(__u64 seen)
{
	return seen < mirror_word(MIRROR_SINCE);
}

/*
 * The topology has changed: whatever was learned counts for nothing. Once a second at most: BPDUs
 * repeat it for a while, and whoever forges them shall not have every frame flooded.
 */
static __always_inline void fdb_flush(struct walk *w)
{
	__u32 index = MIRROR_SINCE;
	__u64 *since = bpf_map_lookup_elem(&mirror, &index);

	if (since && w->now - *since >= hz)
		*(volatile __u64 *)since = w->now;
}

static __always_inline void fdb_count(__u32 port, __s32 by)
{
	__u32 *count = bpf_map_lookup_elem(&fdb_counts, &port);

	if (count)
		__sync_fetch_and_add(count, by);
}

/* May this port teach one more? */
static __always_inline int fdb_quota_left(__u32 port)
{
	__u32 *count = bpf_map_lookup_elem(&fdb_counts, &port), zero = 0;
	struct node *n = bpf_map_lookup_elem(&node, &zero);

	return count && n && *count < n->fdb_quota;
}

/* A MAC that the table does not hold, if this port may teach one more. Returns whether it does now. */
static __always_inline int fdb_add(struct fdb_key *key, __u32 port, __u64 now)
{
	struct fdb_entry fresh = {.seen = now, .port = port};

	if (!fdb_quota_left(port) || bpf_map_update_elem(&fdb, key, &fresh, BPF_NOEXIST))
		return 0;
	fdb_count(port, 1);
	return 1;
}

/* By compare-and-swap: of the CPUs that see one move at once, one makes it and counts. Returns whether it
 * was this one. */
static __always_inline int fdb_move(struct fdb_entry *e, __u32 from, __u32 to)
{
	if (__sync_val_compare_and_swap(&e->port, from, to) != from)
		return 0;
	ways_changed();
	fdb_count(from, -1);
	fdb_count(to, 1);
	return 1;
}

/*
 * An entry that aged out comes back by its time, which only one CPU can move; the sweep takes an
 * entry by setting it to 0. So an entry never changes after its slot was given to another MAC.
 * Returns when the MAC was last seen at this port, as the table has it; 0: it may not say so.
 */
static __always_inline __u64 fdb_learn(struct walk *w)
{
	__u32 from, to = w->frame.port;
	struct fdb_entry *e;
	struct fdb_key key;
	__u64 seen;

	fdb_key_of(&key, &w->frame, w->frame.smac);
	e = bpf_map_lookup_elem(&fdb, &key);
	if (!e) {
		fdb_add(&key, to, w->now);
		return 0;
	}
	from = *(volatile __u32 *)&e->port;
	seen = *(volatile __u64 *)&e->seen;
	if (from != to && !fdb_quota_left(to))
		return 0;
	if (w->now - seen >= hz || fdb_outdated(seen)) {
		if (!seen || __sync_val_compare_and_swap(&e->seen, seen, w->now) != seen)
			return 0;
		seen = w->now;
	}
	if (from == to)
		return seen;
	if (fdb_move(e, from, to)) {
		e->seen = w->now;
		event_emit(w, EVENT_MAC_MOVED, from << 16 | to);
	}
	return 0;
}

/* Where the frame goes: a port number, or -1: nobody knows, flood it. *last: when it was heard last. */
static __always_inline __s32 fdb_look(struct walk *w, __u64 *last)
{
	struct fdb_entry *e;
	struct fdb_key key;
	__u64 seen;

	if (w->frame.dmac[0] & 1)
		return -1;
	fdb_key_of(&key, &w->frame, w->frame.dmac);
	e = bpf_map_lookup_elem(&fdb, &key);
	if (!e)
		return -1;
	seen = *(volatile __u64 *)&e->seen;
	*last = seen;
	return fdb_expired(seen, w->now) || fdb_outdated(seen) ? -1 : (__s32)e->port;
}

static __always_inline __s32 fdb_port_of(struct walk *w)
{
	__u64 seen;

	return fdb_look(w, &seen);
}

/* Learns where the frame came from, and says where it goes, as fdb_port_of; from memory, or by asking the table,
 * which is remembered. Global: what it needs of the stack shall not lie below the whole walk. */
__noinline int fdb_way(__u32 kind)
{
	struct walk *w = walk_here(kind);
	__u64 changes, from_seen, to_seen;
	struct way *way;
	__s32 port;

	if (!w)
		return -1;
	if (w->frame.flags & FRAME_DRY)
		return fdb_port_of(w);
	way = way_of(w);
	if (way && way_holds(way, w))
		return way->to;
	/* Before the table is read: what changes meanwhile makes this way an old one. */
	changes = way_changes();
	from_seen = fdb_learn(w);
	port = fdb_look(w, &to_seen);
	if (from_seen && port >= 0)
		way_keep(w, changes, port, from_seen, to_seen);
	return port;
}

#endif
