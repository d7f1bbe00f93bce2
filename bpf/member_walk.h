/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes over the members of dynamic groups; `member_walk` says what they shall do.
 */
#ifndef BW_MEMBER_WALK_H
#define BW_MEMBER_WALK_H

#include "member_change.h"
#include "sweep.h"

static __always_inline struct member_walk *member_walk_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&member_walk, &zero);
}

/* Groups whose time, as this element tells it, is over; the next one to be is noted. */
static __always_inline __u32 expired_groups(struct member_key *key, __u64 until, __u64 now)
{
	struct member_counts *counts = member_counts_here();
	__u64 time = until >> UNTIL_TIME_SHIFT;

	if (!time)
		return 0;
	if (time <= now)
		return 1U << (key->part == MEMBER_ITSELF ? until & UNTIL_GROUP : key->part & 31);
	if (counts && time < counts->next && time != FOR_GOOD)
		counts->next = time;
	return 0;
}

static __always_inline __u32 groups_to_leave(struct member_walk *walk, struct member_key *key,
					     struct member *m)
{
	__u32 mark = (m->until & UNTIL_MARK) >> UNTIL_MARK_SHIFT;

	if (walk->kind == SWEEP_EXPIRED)
		return expired_groups(key, m->until, now_jiffies());
	if (key->part != MEMBER_ITSELF)
		return 0;
	if (walk->kind == SWEEP_UNMARKED && mark == walk->mark)
		return 0;
	if (walk->kind == SWEEP_FRESH && (mark != walk->mark || !(m->until & UNTIL_FRESH)))
		return 0;
	return m->groups & walk->groups;
}

static __always_inline void leave_groups(struct member_walk *walk, struct member_key *key,
					 __u32 groups)
{
	__u32 i;

	for (i = 0; i < MAX_DYNAMIC_GROUPS; i++) {
		if (groups >> i & 1 && leave_group(key, i))
			walk->removed++;
	}
}

/* The table that is visited may have been replaced meanwhile: what stands in the one of now counts. */
static __always_inline void sweep_member(struct visit *v, struct member_key *raw,
					 struct member *copy)
{
	struct member_walk *walk = member_walk_here();
	struct member_key key;
	struct member *now, m;

	if (!walk)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	m.groups = copy->groups;
	m.until = copy->until;
	if (walk->kind != SWEEP_MARKS && !groups_to_leave(walk, &key, &m))
		return;
	now = member_part(&key.address, key.part);
	if (!now)
		return;
	if (walk->kind == SWEEP_MARKS)
		now->until &= ~(__u64)(UNTIL_MARK | UNTIL_FRESH);
	else
		leave_groups(walk, &key, groups_to_leave(walk, &key, now));
}

VISITOR(sweep_members, sweep_member, struct member_key, struct member)

/* Into the table that shall take the place of this one. */
static __always_inline void copy_member(struct visit *v, struct member_key *raw,
					struct member *copy)
{
	struct member_walk *walk = member_walk_here();
	void *table = member_table(MEMBERS_NEXT);
	struct member_key key;
	struct member m;

	if (!walk || !table)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	m.groups = copy->groups;
	m.until = copy->until;
	if (bpf_map_update_elem(table, &key, &m, BPF_ANY))
		walk->failed++;
}

VISITOR(copy_members, copy_member, struct member_key, struct member)

/* Until when it is in the group of the walk, into the record; returns whether it is. */
static __always_inline int describe_member(struct member_record *record, struct member_key *key,
					   struct member *m, __u32 group)
{
	struct member_key asked;
	__u64 time, now;

	if (key->part != MEMBER_ITSELF || !(m->groups >> (group & 31) & 1))
		return 0;
	record->left = 0;
	if (is_limited(m, group)) {
		now = now_jiffies();
		address_copy(&asked.address, &key->address);
		time = limited_until(m, &asked, group);
		if (time <= now)
			return 0;
		if (time != FOR_GOOD)
			record->left = bpf_htonl((time - now + hz - 1) / hz);
	}
	address_copy(&record->address, &key->address);
	return 1;
}

/* Members of the one group whose number is in `groups` of the walk. */
static __always_inline void dump_member(struct visit *v, struct member_key *raw,
					struct member *copy)
{
	struct member_walk *walk = member_walk_here();
	struct member_record record = {};
	struct member_key key;
	struct member m;

	if (!walk)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	m.groups = copy->groups;
	m.until = copy->until;
	if (describe_member(&record, &key, &m, walk->groups))
		visit_write(v, &record, sizeof(record));
}

VISITOR(dump_members, dump_member, struct member_key, struct member)

static __always_inline struct member_digests *member_digests_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&member_digests, &zero);
}

static __always_inline __u64 address_digest(struct address *address)
{
	__u64 hash = 0xcbf29ce484222325;
	__u32 i;

	for (i = 0; i < 4; i++) {
		hash = (hash ^ words(address)[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return hash;
}

/* What one member adds to the digest of a group; 0: its time there is over. */
__noinline __u64 member_digest(struct member_key *who, __u64 limited, __u64 until, __u32 group)
{
	struct member_key key;
	struct member m;
	__u64 hash, time;

	if (!who)
		return 0;
	hash = address_digest(&who->address);
	if (limited) {
		m.groups = limited;
		m.until = until;
		address_copy(&key.address, &who->address);
		time = limited_until(&m, &key, group);
		if (time <= now_jiffies())
			return 0;
		limited = time != FOR_GOOD;
	}
	if (!limited)
		hash = ~hash;
	return hash * 0x9e3779b97f4a7c15;
}

/*
 * Of the members of each group a number that two tables with the same members agree on, whatever the
 * order: who is in it, and whether for good. How long is not in it, for clocks go apart.
 */
static __always_inline void digest_of_member(struct visit *v, struct member_key *raw,
					     struct member *copy)
{
	struct member_digests *digests_now = member_digests_here();
	__u64 groups, until;
	struct member_key key;
	__u32 i;

	if (!digests_now)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	groups = copy->groups;
	until = copy->until;
	for (i = 0; i < MAX_DYNAMIC_GROUPS && key.part == MEMBER_ITSELF; i++) {
		if (groups >> i & 1)
			digests_now->of[i] += member_digest(&key, groups >> 32 >> i & 1, until, i);
	}
}

VISITOR(digest_members, digest_of_member, struct member_key, struct member)

#endif
