/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two tables differ in: a number for each bucket of keys, over those connections that are open and
 * began before a moment that both nodes name in the same way. Of buckets that differ the connections are
 * told, all of them; and those that moved lately, every few seconds.
 */
#ifndef BW_DIGEST_H
#define BW_DIGEST_H

#include "import.h"

ARRAY_MAP(bucket_pass, 1, struct bucket_pass);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct digests);
} digests SEC(".maps");

static __always_inline struct bucket_pass *bucket_pass_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&bucket_pass, &zero);
}

/* Open, alive and born in time. */
static __always_inline int is_held(struct state *s, struct state_key *key, struct bucket_pass *pass)
{
	return phase_counts(phase_of(s->word)) && (__s64)(s->born - pass->until) <= 0 &&
	       !state_gone(s, key, now_jiffies());
}

enum digest_grace {
	DIGEST_GRACE_SECONDS = 7,	/* a standby hears of what lives some seconds late */
};

/* About to expire, or just over: the other node may see it otherwise. */
static __always_inline int is_ending(struct state *s, struct state_key *key,
				     struct bucket_pass *pass)
{
	__u32 phase = phase_of(s->word);
	__s64 left = s->seen + timeout_of(key, phase) - now_jiffies();

	return phase == PHASE_DYING || (phase_counts(phase) && (__s64)(s->born - pass->until) <= 0 &&
					left < (__s64)(DIGEST_GRACE_SECONDS * hz));
}

static __always_inline int is_chosen(struct bucket_pass *pass, __u32 bucket)
{
	return pass->chosen[bucket / 64 & (CHANGE_BUCKETS / 64 - 1)] >> (bucket & 63) & 1;
}

static __always_inline void digest_state(struct visit *v, struct state_key *raw, struct state *s)
{
	struct bucket_pass *pass = bucket_pass_here();
	struct digests *digests_now;
	struct state_key key;
	__u32 zero = 0;
	__u64 hash;

	digests_now = bpf_map_lookup_elem(&digests, &zero);
	if (!pass || !digests_now)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	hash = key_hash(&key);
	if (is_ending(s, &key, pass))
		touch(hash, s->born);
	if (is_held(s, &key, pass)) {
		digests_now->of[bucket_of(hash)] += (hash ^ s->born) * 0x9e3779b97f4a7c15;
		pass->hit++;
	}
}

VISITOR(digest_states, digest_state, struct state_key, struct state)

/* Those of chosen buckets, or those that moved since, as struct change. */
static __always_inline void tell_state(struct visit *v, struct state_key *raw, struct state *s)
{
	struct bucket_pass *pass = bucket_pass_here();
	struct state_key key;
	struct change c;

	if (!pass)
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	if (!is_held(s, &key, pass))
		return;
	if (pass->since ? (__s64)(s->seen - pass->since) < 0 :
			  !is_chosen(pass, bucket_of(key_hash(&key))))
		return;
	change_head(&c.head, &key, s, now_jiffies());
	address_copy(&c.low, &key.low);
	address_copy(&c.high, &key.high);
	visit_write(v, &c, sizeof(c));
	pass->hit++;
}

VISITOR(tell_states, tell_state, struct state_key, struct state)

/* All of `children`, as struct child_change. */
static __always_inline void tell_child(struct visit *v, struct state_key *child, struct master *m)
{
	struct child_change c = {};

	__builtin_memcpy(&c.child, child, sizeof(c.child));
	__builtin_memcpy(&c.master, m, sizeof(c.master));
	visit_write(v, &c, sizeof(c));
}

VISITOR(tell_children, tell_child, struct state_key, struct master)

/*
 * Takes those of chosen buckets out: what the other node holds of them is told again. At once, for what
 * only waits for its end does not come back; of a standby no packet holds a slot.
 */
static __always_inline void drop_state(struct visit *v, struct state_key *raw, struct state *copy)
{
	struct bucket_pass *pass = bucket_pass_here();
	struct state_key key;
	struct state *s;
	__u32 word;

	if (!pass || !is_standby() || !is_chosen(pass, bucket_of(key_hash(raw))))
		return;
	__builtin_memcpy(&key, raw, sizeof(key));
	s = bpf_map_lookup_elem(&established, &key);
	if (!s)
		return;
	word = *(volatile __u32 *)&s->word;
	if (is_held(s, &key, pass)) {
		state_uncount(&key, s, word, slot_now(now_jiffies()));
		if (!bpf_map_delete_elem(&established, &key))
			pass->hit++;
		sweep_by(now_jiffies());
	}
}

VISITOR(drop_states, drop_state, struct state_key, struct state)

#endif
