/* SPDX-License-Identifier: GPL-2.0 */
/* Members of dynamic groups. An expired one is none; user space only frees its room. */
#ifndef BW_MEMBERS_H
#define BW_MEMBERS_H

#include "frame.h"

static __always_inline void *member_table(__u32 which)
{
	return bpf_map_lookup_elem(&members, &which);
}

static __always_inline struct member *member_find(struct member_key *key)
{
	void *table = member_table(MEMBERS_NOW);

	return table ? bpf_map_lookup_elem(table, key) : NULL;
}

static __always_inline struct member *member_part(struct address *address, __u32 part)
{
	struct member_key key;

	address_copy(&key.address, address);
	key.part = part;
	return member_find(&key);
}

/* Groups that it is in, unless its time is over there. */
static __always_inline __u32 groups_of(struct member *m)
{
	return (__u32)*(volatile __u64 *)&m->groups;
}

/*
 * Who an end of flow is, if it is in any of the groups in *groups; those that it is in stay there.
 * Their time may be over. A stranger costs one lookup. The address is copied into *key: lookups want it
 * on the stack, and there is room for it once.
 */
static __always_inline struct member *member_at(struct flow *flow, __u32 destination,
						struct member_key *key, __u32 *groups)
{
	struct member *m;

	address_copy(&key->address, destination ? &flow->dst : &flow->src);
	key->part = MEMBER_ITSELF;
	m = member_find(key);
	*groups &= m ? groups_of(m) : 0;
	return *groups ? m : NULL;
}

/* Does `until` tell the time of that group? */
static __always_inline int tells_of(__u64 until, __u32 group)
{
	return (until & UNTIL_GROUP) == group && until >> UNTIL_TIME_SHIFT;
}

/*
 * Jiffies until which it is in a group; 0: it is not, or not for a limited time. Whoever writes sees
 * to it that the time stands before the group does, and goes after it. Moves `part` of its key.
 */
static __always_inline __u64 limited_until(struct member *m, struct member_key *key, __u32 group)
{
	__u64 until = *(volatile __u64 *)&m->until;

	if (tells_of(until, group))
		return until >> UNTIL_TIME_SHIFT;
	key->part = group;
	m = member_find(key);
	return m ? *(volatile __u64 *)&m->until >> UNTIL_TIME_SHIFT : 0;
}

/* Is it, which is known of the address in *key, in that group now? */
static __always_inline int is_in(struct member *m, struct member_key *key, __u32 group, __u64 now)
{
	__u64 groups = *(volatile __u64 *)&m->groups;

	if (!(groups >> (group & 31) & 1))
		return 0;
	return !(groups >> 32 >> (group & 31) & 1) || limited_until(m, key, group) > now;
}

#endif
