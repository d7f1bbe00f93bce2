// SPDX-License-Identifier: GPL-2.0
#include "maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/bpf_helpers.h"

struct element {
	struct element *next;		/* in its bucket */
	struct element *next_touched;
	__u8 *key;
	__u8 *value;			/* NULL: deleted */
	__u8 *base;			/* what it is before every input; NULL: not there */
	struct host_map *inner;
	bool touched;
};

__u64 map_changes;

struct host_map *map_new(enum map_kind kind, __u32 key_size, __u32 value_size, __u32 max_entries)
{
	struct host_map *map = calloc(1, sizeof(*map));

	map->self = map;
	map->kind = kind;
	map->key_size = key_size;
	map->value_size = value_size;
	map->max_entries = max_entries;
	return map;
}

static __u8 *copied(const void *bytes, __u32 size)
{
	__u8 *copy = malloc(size);

	if (bytes)
		memcpy(copy, bytes, size);
	else
		memset(copy, 0, size);
	return copy;
}

static struct element **bucket_of(struct host_map *map, const void *key)
{
	const __u8 *bytes = key;
	__u32 hash = 2166136261u, i;

	for (i = 0; i < map->key_size; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &map->buckets[(hash ^ hash >> 16) & 255];
}

static struct element *element_find(struct host_map *map, const void *key)
{
	struct element *e;

	for (e = *bucket_of(map, key); e; e = e->next)
		if (!memcmp(e->key, key, map->key_size))
			return e;
	return NULL;
}

static struct element *element_add(struct host_map *map, const void *key)
{
	struct element **bucket = bucket_of(map, key), *e = calloc(1, sizeof(*e));

	e->key = copied(key, map->key_size);
	e->next = *bucket;
	*bucket = e;
	return e;
}

static void touch(struct host_map *map, struct element *e)
{
	if (e->touched)
		return;
	e->touched = true;
	e->next_touched = map->touched;
	map->touched = e;
}

static void element_set(struct host_map *map, struct element *e, const void *value)
{
	if (!e->value)
		map->count++;
	free(e->value);
	e->value = copied(value, map->value_size);
}

void map_begin_with(struct host_map *map, const void *key, const void *value)
{
	struct element *e = element_add(map, key);

	e->base = copied(value, map->value_size);
	element_set(map, e, value);
}

void map_hold(struct host_map *outer, __u32 index, struct host_map *inner)
{
	element_add(outer, &index)->inner = inner;
}

static void element_remove(struct host_map *map, struct element *e)
{
	struct element **at = bucket_of(map, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e->key);
	free(e->value);
	free(e);
}

void map_reset(struct host_map *map)
{
	struct element *e, *next;

	for (e = map->touched; e; e = next) {
		next = e->next_touched;
		e->touched = false;
		if (e->inner)
			continue;
		if (e->base) {
			element_set(map, e, e->base);
			continue;
		}
		if (e->value)
			map->count--;
		element_remove(map, e);
	}
	map->touched = NULL;
}

void map_each(struct host_map *map, bool touched_only,
	      void (*call)(void *to, const void *key, const void *value), void *to)
{
	struct element *e;
	__u32 i;

	for (i = 0; i < 256; i++)
		for (e = map->buckets[i]; e; e = e->next)
			if (e->value && (!touched_only || e->touched))
				call(to, e->key, e->value);
}

/* ---- helpers of programs -------------------------------------------------------------------- */

static struct host_map *map_at(void *map)
{
	struct host_map *m = *(struct host_map **)map;

	if (!m)
		abort();
	return m;
}

/* Elements of arrays are all there. */
static struct element *array_element(struct host_map *map, const void *key)
{
	struct element *e;
	__u32 index;

	memcpy(&index, key, sizeof(index));
	if (index >= map->max_entries)
		return NULL;
	e = element_find(map, key);
	if (!e) {
		e = element_add(map, key);
		element_set(map, e, NULL);
	}
	return e;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct host_map *m = map_at(map);
	struct element *e = NULL;

	if (m->kind == MAP_OF_MAPS) {
		e = element_find(m, key);
		return e ? e->inner : NULL;
	}
	if (m->kind == MAP_ARRAY)
		e = array_element(m, key);
	else if (m->kind == MAP_HASH)
		e = element_find(m, key);
	if (!e || !e->value)
		return NULL;
	touch(m, e);
	return e->value;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	struct host_map *m = map_at(map);
	struct element *e;

	if (m->kind != MAP_HASH)
		abort();
	e = element_find(m, key);
	if (e && e->value && flags == BPF_NOEXIST)
		return -EEXIST;
	if ((!e || !e->value) && flags == BPF_EXIST)
		return -ENOENT;
	if ((!e || !e->value) && m->count >= m->max_entries)
		return -E2BIG;
	if (!e)
		e = element_add(m, key);
	touch(m, e);
	element_set(m, e, value);
	map_changes++;
	return 0;
}

long bpf_map_delete_elem(void *map, const void *key)
{
	struct host_map *m = map_at(map);
	struct element *e = m->kind == MAP_HASH ? element_find(m, key) : NULL;

	if (!e || !e->value)
		return -ENOENT;
	touch(m, e);
	free(e->value);
	e->value = NULL;
	m->count--;
	map_changes++;
	return 0;
}
