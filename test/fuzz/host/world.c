// SPDX-License-Identifier: GPL-2.0
/*
 * The file, in the byte order of this machine: "BWWORLD1", hz, number of worlds; a world is a number
 * of maps; a map is struct map_head and its elements, keys and values in turn. A map of maps comes
 * before those that it holds.
 */
#define _GNU_SOURCE
#include "world.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_WORLDS = 8,
	MAX_MAPS = 256,
	NAME_LENGTH = 32,
};

struct map_head {
	char name[NAME_LENGTH];
	__u32 kind;		/* enum map_kind */
	__s32 index;		/* of the map of maps of that name that holds it; -1: it is held by none */
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 count;
};

struct named_map {
	char name[NAME_LENGTH];
	struct host_map *map;
	void **symbol;		/* what programs know it by; NULL: none does, or it is an inner one */
};

struct world {
	struct named_map maps[MAX_MAPS];
	__u32 count;
};

static struct world worlds[MAX_WORLDS], *current;
static __u32 hz_read, world_count;

static void read_all(FILE *file, void *to, size_t size)
{
	if (size && fread(to, size, 1, file) != 1) {
		fprintf(stderr, "the file of worlds is cut short\n");
		exit(1);
	}
}

/* A map of the programs by its name; not what the C library may have under it. `clock` it has. */
static void *symbol_of(const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, strcmp(name, "clock") ? name : "clock_map");
	Dl_info there, here;

	if (!symbol || !dladdr(symbol, &there) || !dladdr((void *)symbol_of, &here))
		return NULL;
	return there.dli_fbase == here.dli_fbase ? symbol : NULL;
}

static struct host_map *outer_of(struct world *world, const char *name)
{
	__u32 i;

	for (i = 0; i < world->count; i++)
		if (!strcmp(world->maps[i].name, name) && world->maps[i].map->kind == MAP_OF_MAPS)
			return world->maps[i].map;
	return NULL;
}

static void read_map(FILE *file, struct world *world)
{
	struct named_map *at = &world->maps[world->count];
	__u8 key[256], value[8192];
	struct map_head head;
	__u32 i;

	read_all(file, &head, sizeof(head));
	if (world->count == MAX_MAPS || head.key_size > sizeof(key) ||
	    head.value_size > sizeof(value)) {
		fprintf(stderr, "map %.32s is too large, or there are too many\n", head.name);
		exit(1);
	}
	at->map = map_new(head.kind, head.key_size, head.value_size, head.max_entries);
	memcpy(at->name, head.name, NAME_LENGTH);
	at->name[NAME_LENGTH - 1] = 0;
	if (head.index < 0)
		at->symbol = symbol_of(at->name);
	else if (outer_of(world, at->name))
		map_hold(outer_of(world, at->name), head.index, at->map);
	world->count++;
	for (i = 0; i < head.count; i++) {
		read_all(file, key, head.key_size);
		read_all(file, value, head.value_size);
		map_begin_with(at->map, key, value);
	}
}

void worlds_load(const char *path)
{
	FILE *file = path ? fopen(path, "rb") : NULL;
	char magic[8];
	__u32 i, maps;

	if (!file) {
		perror(path ? path : "no file of worlds is named");
		exit(1);
	}
	read_all(file, magic, sizeof(magic));
	read_all(file, &hz_read, sizeof(hz_read));
	read_all(file, &world_count, sizeof(world_count));
	if (memcmp(magic, "BWWORLD1", 8) || !world_count || world_count > MAX_WORLDS) {
		fprintf(stderr, "%s is no file of worlds\n", path);
		exit(1);
	}
	for (i = 0; i < world_count; i++)
		for (read_all(file, &maps, sizeof(maps)); maps; maps--)
			read_map(file, &worlds[i]);
	fclose(file);
}

void world_enter(__u32 number)
{
	__u32 i;

	if (current)
		for (i = 0; i < current->count; i++)
			map_reset(current->maps[i].map);
	current = &worlds[number % world_count];
	for (i = 0; i < current->count; i++)
		if (current->maps[i].symbol)
			*current->maps[i].symbol = current->maps[i].map;
}

void world_each_map(void (*call)(const char *name, struct host_map *map))
{
	struct named_map *m;

	for (m = current->maps; m < current->maps + current->count; m++)
		if (m->symbol && (m->map->kind == MAP_HASH || m->map->kind == MAP_ARRAY))
			call(m->name, m->map);
}

__u32 world_hz(void)
{
	return hz_read;
}
