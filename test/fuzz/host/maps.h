/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps as a program sees them, on this machine. Every value is a piece of memory of its own, so that
 * the sanitizer sees who writes past its end, or uses it when it has been deleted or replaced: in the
 * kernel that slot would be somebody else's by then.
 *
 * A map has contents to begin with, and goes back to them after every input.
 */
#ifndef BW_HOST_MAPS_H
#define BW_HOST_MAPS_H

#include <stdbool.h>
#include <linux/types.h>

enum map_kind {
	MAP_HASH = 1,
	MAP_ARRAY,
	MAP_OF_MAPS,
	MAP_OTHER,	/* is there, and can do nothing */
};

struct element;

struct host_map {
	struct host_map *self;	/* first: see __uint() in bpf/bpf_helpers.h */
	enum map_kind kind;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 count;
	struct element *touched;
	struct element *buckets[256];
};

struct host_map *map_new(enum map_kind kind, __u32 key_size, __u32 value_size, __u32 max_entries);

/* What it holds before every input. */
void map_begin_with(struct host_map *map, const void *key, const void *value);
void map_hold(struct host_map *outer, __u32 index, struct host_map *inner);

void map_reset(struct host_map *map);

/* Calls on for every element that is there, or for those that this input looked at. */
void map_each(struct host_map *map, bool touched_only,
	      void (*call)(void *to, const void *key, const void *value), void *to);

/* Updates and deletions since the beginning. */
extern __u64 map_changes;

#endif
