/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adds and removes members, a batch per call. User space sees to it that one change runs at a time;
 * packets read all the while. What lets a packet see a group (the word `groups`) is written after
 * what it then looks for, and goes before it.
 */
#ifndef BW_MEMBER_CHANGE_H
#define BW_MEMBER_CHANGE_H

#include <linux/errno.h>
#include "martian.h"
#include "members.h"

/* Further than any time that user space may ask for. */
#define FOR_GOOD ((1ULL << (64 - UNTIL_TIME_SHIFT)) - 1)

static __always_inline struct member_counts *member_counts_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&member_counts, &zero);
}

static __always_inline int is_limited(struct member *m, __u32 group)
{
	return m->groups >> 32 >> (group & 31) & 1;
}

static __always_inline void store_word(__u64 *word, __u64 value)
{
	/* A full barrier: the other word is written before, or after. */
	__sync_lock_test_and_set(word, value);
}

/* Takes an address out of one group; returns whether it was in it. */
__noinline int leave_group(struct member_key *who, __u32 group)
{
	void *table = member_table(MEMBERS_NOW);
	struct member_counts *counts = member_counts_here();
	struct member_key key;
	struct member *m;
	__u64 groups, bit;
	int limited;

	if (!who || !table || !counts)
		return 0;
	group &= 31;
	bit = 1ULL << group;
	address_copy(&key.address, &who->address);
	key.part = MEMBER_ITSELF;
	m = bpf_map_lookup_elem(table, &key);
	if (!m || !(m->groups & bit))
		return 0;
	limited = is_limited(m, group);
	groups = m->groups & ~(bit | bit << 32);
	store_word(&m->groups, groups);
	if (limited && tells_of(m->until, group))
		store_word(&m->until, m->until & (UNTIL_MARK | UNTIL_FRESH));
	else
		limited = limited ? 2 : 0;
	if (!groups)
		bpf_map_delete_elem(table, &key);
	if (limited == 2) {
		key.part = group;
		bpf_map_delete_elem(table, &key);
	}
	counts->members[group]--;
	return 1;
}

/* The time of a group that the address itself has no room for. */
static __always_inline int store_part(void *table, struct member_key *key, __u32 group, __u64 time)
{
	struct member value = {.until = time << UNTIL_TIME_SHIFT | group}, *part;

	key->part = group;
	part = bpf_map_lookup_elem(table, key);
	if (!part)
		return bpf_map_update_elem(table, key, &value, BPF_NOEXIST);
	store_word(&part->until, value.until);
	return 0;
}

/* As an int: up to 6.1 the upper half of what the helper returns says nothing. */
static __always_inline __u32 refusal_of(int error)
{
	return error == -E2BIG ? REFUSAL_TABLE_FULL : REFUSAL_MEMORY;
}

/* The load that names it, and whether it put it there. */
static __always_inline __u64 marked_until(struct member_change *c, __u64 until, int fresh)
{
	__u64 was_fresh = until & UNTIL_FRESH;

	if (!c->mark)
		return until;
	if ((until & UNTIL_MARK) >> UNTIL_MARK_SHIFT != c->mark) {
		was_fresh = 0;
		c->marked++;
	}
	until &= ~(__u64)(UNTIL_MARK | UNTIL_FRESH);
	until |= c->mark << UNTIL_MARK_SHIFT & UNTIL_MARK;
	if (c->flags & CHANGE_FRESH && (fresh || was_fresh))
		until |= UNTIL_FRESH;
	return until;
}

static __always_inline int is_full(struct member_change *c, struct member_counts *counts,
				   struct member *m, int known)
{
	if (c->mark && c->flags & CHANGE_FRESH)
		return c->marked >= c->max &&
		       (!m || (m->until & UNTIL_MARK) >> UNTIL_MARK_SHIFT != c->mark);
	return !known && counts->members[c->group & 31] >= c->max;
}

static __always_inline __u32 add_stranger(struct member_change *c, void *table,
					  struct member_key *key)
{
	__u64 bit = 1ULL << (c->group & 31);
	struct member value;
	int error;

	value.groups = c->until ? bit | bit << 32 : bit;
	value.until = c->until ? c->until << UNTIL_TIME_SHIFT | (c->group & 31) : 0;
	value.until = marked_until(c, value.until, 1);
	error = bpf_map_update_elem(table, key, &value, BPF_NOEXIST);
	return error ? refusal_of(error) : REFUSAL_NONE;
}

static __always_inline __u32 add_known(struct member_change *c, void *table, struct member_key *key,
				       struct member *m)
{
	__u32 group = c->group & 31;
	__u64 bit = 1ULL << group, time = c->until, until = m->until;
	int known = !!(m->groups & bit);
	int error = 0;

	/* From a limited time to for good: what tells the time stays, packets may look for it. */
	if (!time && is_limited(m, group))
		time = FOR_GOOD;
	if (time) {
		if (tells_of(until, group) ||
		    (!(until >> UNTIL_TIME_SHIFT) && !is_limited(m, group)))
			until = (until & (UNTIL_MARK | UNTIL_FRESH)) | time << UNTIL_TIME_SHIFT |
				group;
		else
			error = store_part(table, key, group, time);
		if (error)
			return refusal_of(error);
		bit |= bit << 32;
	}
	until = marked_until(c, until, !known);
	if (until != m->until)
		store_word(&m->until, until);
	if ((m->groups & bit) != bit)
		store_word(&m->groups, m->groups | bit);
	return REFUSAL_NONE;
}

static __always_inline __u32 add_member(struct member_change *c, struct address *address)
{
	struct member_counts *counts = member_counts_here();
	void *table = member_table(MEMBERS_NOW);
	struct member_key key;
	struct member *m;
	__u32 refusal;
	int known;

	if (!table || !counts)
		return REFUSAL_MEMORY;
	address_copy(&key.address, address);
	key.part = MEMBER_ITSELF;
	m = bpf_map_lookup_elem(table, &key);
	known = m && m->groups >> (c->group & 31) & 1;
	if (known && c->flags & CHANGE_KEEP && is_in(m, &key, c->group, now_jiffies()))
		return REFUSAL_NONE;
	key.part = MEMBER_ITSELF;
	if (is_full(c, counts, m, known))
		return REFUSAL_GROUP_FULL;
	/* First: were it said later, a sweep could miss it. */
	if (c->until && c->until < counts->next)
		counts->next = c->until;
	refusal = m ? add_known(c, table, &key, m) : add_stranger(c, table, &key);
	if (refusal)
		return refusal;
	if (!known) {
		counts->members[c->group & 31]++;
		c->changed++;
	}
	return REFUSAL_NONE;
}

/* As src/control/policy/sources.ts has it. */
static __always_inline int never_source(struct address *a)
{
	__u32 net = a->byte[12];

	switch (special_v6(a)) {
	case 0:
		return a->byte[0] == 0xff;
	case 3:
		return net == 0 || net == 127 || net >= 224;
	default:
		return 1;
	}
}

static __always_inline int is_screened(struct address *address, __u32 slot)
{
	void *map = bpf_map_lookup_elem(&addresses, &slot);
	struct address_class *class;
	struct address_key key;

	if (!map)
		return 0;
	key.length = 128;
	address_copy(&key.address, address);
	class = bpf_map_lookup_elem(map, &key);
	return class && (class->host || class->flags & CLASS_TAGGED);
}

static __always_inline __u32 deal_with(struct member_change *c, struct address *address)
{
	struct member_key key;

	if (c->kind == CHANGE_REMOVE) {
		address_copy(&key.address, address);
		c->changed += leave_group(&key, c->group);
		return REFUSAL_NONE;
	}
	if (never_source(address))
		return REFUSAL_NEVER;
	if (!(c->flags & CHANGE_SCREENED) && is_screened(address, c->slot))
		return REFUSAL_SCREENED;
	return c->kind == CHANGE_ADD ? add_member(c, address) : REFUSAL_NONE;
}

/* A word of the batch; records of five lie across its elements. */
static __always_inline __u32 batch_word(__u32 number)
{
	__u32 at = number >> 2;
	struct address *found = bpf_map_lookup_elem(&member_batch, &at);

	return found ? words(found)[number & 3] : 0;
}

static __always_inline void record_at(__u32 i, struct member_change *c, struct address *address)
{
	__u32 left = bpf_ntohl(batch_word(5 * i + 4)), k;

	for (k = 0; k < 4; k++)
		words(address)[k] = batch_word(5 * i + k);
	c->until = left ? now_jiffies() + (__u64)left * hz : 0;
}

static long change_one(__u32 i, void *context)
{
	struct member_change *c = context;
	__u32 at = c->width == 4 ? i >> 2 : i;
	struct address *found = bpf_map_lookup_elem(&member_batch, &at);
	struct address address;

	if (!found)
		return 1;
	if (c->width == 4)
		address_from_v4(&address, words(found)[i & 3]);
	else if (c->width == sizeof(struct member_record))
		record_at(i, c, &address);
	else
		address_copy(&address, found);
	c->refusal = deal_with(c, &address);
	if (c->refusal)
		return 1;
	c->done++;
	return 0;
}

SEC("syscall")
int change_members(struct member_change *ctx)
{
	struct member_change c;

	__builtin_memcpy(&c, ctx, sizeof(c));
	c.done = 0;
	c.changed = 0;
	c.refusal = REFUSAL_NONE;
	bpf_loop(c.count, change_one, &c, 0);
	ctx->marked = c.marked;
	ctx->done = c.done;
	ctx->changed = c.changed;
	ctx->refusal = c.refusal;
	return 0;
}

#endif
