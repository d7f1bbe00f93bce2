/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes over the elements of a map. User space leases a slice of `slices`, has the kernel copy a batch
 * of elements into it (BPF_MAP_LOOKUP_BATCH: whole buckets, so that none is met twice or passed over,
 * whatever is removed meanwhile), and runs a syscall program that visits them. No map iterator: those
 * that may write to what they walk are refused by a kernel that is locked down (decision 38).
 *
 * What a visit gets is a copy. Whoever changes an element looks it up, and looks at it again: it may
 * have changed, or gone. A look at the copy costs little, and most of a pass needs no more.
 */
#ifndef BW_VISIT_H
#define BW_VISIT_H

#include "frame.h"
#include "maps.h"

struct slice {
	__u8 keys[VISIT_MOST * VISIT_KEY];
	__u8 values[VISIT_MOST * VISIT_VALUE];
	__u8 records[VISIT_MOST * VISIT_RECORD];
};

_Static_assert(sizeof(struct slice) == VISIT_SLICE, "slices lie side by side");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VISIT_SLICES);
	__type(key, __u32);
	__type(value, struct slice);
} slices SEC(".maps");

/* One run over a slice. */
struct visit {
	__u32 slice;
	__u32 table;		/* enum visit_table */
	__u32 written;		/* bytes of records */
};

static __always_inline struct slice *slice_of(struct visit *v)
{
	__u32 number = v->slice;

	return bpf_map_lookup_elem(&slices, &number);
}

/* A record for user space, one at most of each visit. */
static __always_inline void visit_write(struct visit *v, const void *record, __u32 size)
{
	struct slice *s = slice_of(v);
	__u64 at = v->written;

	_Static_assert(VISIT_RECORD >= sizeof(struct state_record) &&
		       VISIT_RECORD >= sizeof(struct state_row) &&
		       VISIT_RECORD >= sizeof(struct change) &&
		       VISIT_RECORD >= sizeof(struct child_change), "a batch of records has room");
	KEEP_APART(at);
	if (!s || at > sizeof(s->records) - size)
		return;
	__builtin_memcpy(__builtin_assume_aligned(s->records + at, 4), record, size);
	v->written = at + size;
}

/*
 * The program `name`, that calls each(struct visit *, key_type *, value_type *) on every element. The
 * caller zeroes `written`: of a number that it knew, the verifier would follow every value.
 */
#define VISITOR(name, each, key_type, value_type)                                                  \
	_Static_assert(sizeof(key_type) <= VISIT_KEY, "keys of " #name);                           \
	_Static_assert(sizeof(value_type) <= VISIT_VALUE, "values of " #name);                     \
                                                                                                   \
	static long name##_next(__u32 i, struct visit *v)                                          \
	{                                                                                          \
		struct slice *s = slice_of(v);                                                     \
                                                                                                   \
		if (!s || i >= VISIT_MOST)                                                         \
			return 1;                                                                  \
		each(v, (key_type *)s->keys + i, (value_type *)s->values + i);                     \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	SEC("syscall")                                                                             \
	int name(struct visit_call *call)                                                          \
	{                                                                                          \
		struct visit v = {call->slice, call->table, call->written};                        \
                                                                                                   \
		bpf_loop(call->count, name##_next, &v, 0);                                         \
		call->written = v.written;                                                         \
		return 0;                                                                          \
	}

#endif
