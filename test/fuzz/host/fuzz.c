// SPDX-License-Identifier: GPL-2.0
/*
 * The target of libFuzzer. BW_WORLDS names the file of walls (world.h). With BW_RECORD every input and
 * what became of its frames is written there, for ../replay.ts to do the same in the kernel.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "input.h"
#include "wall.h"
#include "world.h"

static FILE *record;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("BW_RECORD");

	worlds_load(getenv("BW_WORLDS"));
	wall_prepare();
	if (!path)
		return 0;
	record = fopen(path, "wb");
	if (!record) {
		perror(path);
		exit(1);
	}
	wall_write_layout(record);
	return 0;
}

static void write_number(__u32 number)
{
	if (record)
		fwrite(&number, sizeof(number), 1, record);
}

struct counted {
	struct host_map *map;
	__u32 count;
};

static void count_one(void *to, const void *key, const void *value)
{
	((struct counted *)to)->count++;
}

static void write_one(void *to, const void *key, const void *value)
{
	struct counted *c = to;

	fwrite(key, c->map->key_size, 1, record);
	fwrite(value, c->map->value_size, 1, record);
}

/* Scratch, and the time: nothing that a packet leaves behind. */
static bool is_remembered(const char *name)
{
	return strcmp(name, "walks") && strcmp(name, "clock");
}

static void write_map(const char *name, struct host_map *map)
{
	struct counted c = {.map = map};
	char padded[32] = {};

	if (!is_remembered(name))
		return;
	map_each(map, true, count_one, &c);
	if (!c.count)
		return;
	strncpy(padded, name, sizeof(padded) - 1);
	write_number(1);
	fwrite(padded, sizeof(padded), 1, record);
	write_number(map->key_size);
	write_number(map->value_size);
	write_number(c.count);
	map_each(map, true, write_one, &c);
}

static void write_frame(const struct arrival *a, const struct judged *j, __u32 since, bool rejudge)
{
	const __u32 words[] = {a->port,	 a->tc,	    a->segments, a->segment_size, since,
			       rejudge,	 j->by,	    j->retval,	 j->mark,	  a->length};

	fwrite(words, sizeof(words), 1, record);
	fwrite(a->bytes, a->length, 1, record);
	wall_write_walk(record);
}

/* Reserved multicast may be left to tc by XDP. */
static bool is_judged(const struct arrival *a)
{
	return wall_tc_takes(a) || a->bytes[0] != 0x01 || a->bytes[1] != 0x80;
}

static struct arrival arrival_of(const struct input_frame *frame)
{
	struct arrival a = {
		.port = frame->head[0] & INPUT_PORT,
		.tc = !!(frame->head[0] & INPUT_TC),
		.linear = INPUT_LEAST + frame->head[2] * 5,
		.length = frame->length,
		.bytes = frame->bytes,
	};

	a.tc = a.tc && wall_tc_takes(&a);
	if (a.tc && frame->head[0] & INPUT_SEGMENTS) {
		a.segments = 1 + (frame->head[0] >> 5);
		a.segment_size = 100;
	}
	return a;
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	__u32 since = 0, count = 0;
	struct input_frame frame;
	size_t at = 1;

	if (size < 1)
		return 0;
	world_enter(data[0]);
	wall_begin();
	write_number(data[0]);
	while (count++ < INPUT_FRAMES && input_next(data, size, &at, &frame)) {
		struct arrival a = arrival_of(&frame);
		bool rejudge = frame.head[0] & INPUT_REJUDGE;
		struct judged j;

		if (!is_judged(&a))
			continue;
		since += (__u64)input_pause(frame.head[1]) * world_hz() / 1000;
		wall_set_clock(since);
		if (rejudge)
			wall_rejudge();
		j = wall_judge(&a);
		write_number(1);
		if (record)
			write_frame(&a, &j, since, rejudge);
	}
	write_number(0);
	if (record) {
		world_each_map(write_map);
		write_number(0);
		fflush(record);
	}
	return 0;
}
