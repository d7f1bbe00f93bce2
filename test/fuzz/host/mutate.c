// SPDX-License-Identifier: GPL-2.0
/*
 * How the fuzzer changes an input: it knows where frames begin and end, that lengths stand in IP
 * headers, and that sequence numbers matter by their differences. Now and then it forgets all that.
 */
#include <string.h>
#include "input.h"

size_t LLVMFuzzerMutate(__u8 *data, size_t size, size_t max_size);

static __u32 random_state;

static __u32 below(__u32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return limit ? random_state % limit : 0;
}

struct outline {
	size_t begin[INPUT_FRAMES];
	size_t end[INPUT_FRAMES];
	__u32 count;
};

static void outline_of(struct outline *o, const __u8 *data, size_t size)
{
	struct input_frame frame;
	size_t at = 1, begin = 1;

	o->count = 0;
	while (o->count < INPUT_FRAMES && input_next(data, size, &at, &frame)) {
		o->begin[o->count] = begin;
		o->end[o->count++] = at;
		begin = at;
	}
}

static void store_length(__u8 *head, size_t length)
{
	head[3] = length;
	head[4] = length >> 8;
}

/* Moves what is behind frame `n` so that it has room for `length` bytes. Returns the new size. */
static size_t resize_frame(__u8 *data, size_t size, size_t max, struct outline *o, __u32 n,
			   size_t length)
{
	size_t end = o->begin[n] + INPUT_HEAD + length;

	if (size - o->end[n] + end > max)
		return size;
	memmove(data + end, data + o->end[n], size - o->end[n]);
	size = size - o->end[n] + end;
	store_length(data + o->begin[n], length);
	return size;
}

static size_t change_bytes(__u8 *data, size_t size, size_t max, struct outline *o, __u32 n)
{
	size_t at = o->begin[n] + INPUT_HEAD, length = o->end[n] - at, changed;
	__u8 bytes[INPUT_FRAME];

	if (length > sizeof(bytes))
		return size;
	memcpy(bytes, data + at, length);
	changed = LLVMFuzzerMutate(bytes, length, sizeof(bytes));
	if (changed < INPUT_LEAST)
		return size;
	if (changed != length) {
		size_t now = resize_frame(data, size, max, o, n, changed);

		if (now == size)
			return size;
		size = now;
	}
	memcpy(data + at, bytes, changed);
	return size;
}

/* Changes in the first bytes, where the headers are: the rest of a frame is seldom looked at. */
static size_t change_headers(__u8 *data, size_t size, struct outline *o, __u32 n)
{
	size_t at = o->begin[n] + INPUT_HEAD, length = o->end[n] - at;
	__u32 times = 1 + below(3);

	if (length > 96)
		length = 96;
	while (times--) {
		size_t place = at + 12 + below(length - 12);

		if (below(2))
			data[place] ^= 1 << below(8);
		else
			data[place] = below(256);
	}
	return size;
}

static size_t repeat_frame(__u8 *data, size_t size, size_t max, struct outline *o, __u32 n)
{
	size_t length = o->end[n] - o->begin[n], to = o->begin[below(o->count)];
	__u8 frame[INPUT_HEAD + INPUT_FRAME];

	if (length > sizeof(frame) || size + length > max || o->count == INPUT_FRAMES)
		return size;
	memcpy(frame, data + o->begin[n], length);
	if (below(2))
		to = o->end[o->count - 1];
	memmove(data + to + length, data + to, size - to);
	memcpy(data + to, frame, length);
	return size + length;
}

static size_t remove_frame(__u8 *data, size_t size, struct outline *o, __u32 n)
{
	if (o->count < 2)
		return size;
	memmove(data + o->begin[n], data + o->end[n], size - o->end[n]);
	return size - (o->end[n] - o->begin[n]);
}

static size_t change_circumstances(__u8 *data, size_t size, struct outline *o, __u32 n)
{
	__u8 *head = data + o->begin[n];

	switch (below(8)) {
	case 0:
		data[0] ^= 1 << below(8);
		break;
	case 1:
	case 2:
		head[1] = below(256);
		break;
	case 3:
		head[2] = below(256);
		break;
	case 4:
		head[0] ^= INPUT_REJUDGE;
		break;
	case 5:
		head[0] ^= INPUT_TC;
		break;
	default:
		head[0] = (head[0] & ~INPUT_PORT) | below(4);
	}
	return size;
}

/* The offset of what follows IPv4 or IPv6, untagged and without options; 0: neither. */
static __u32 upper_of(const __u8 *bytes)
{
	if (bytes[12] == 0x08 && bytes[13] == 0x00)
		return 34;
	return bytes[12] == 0x86 && bytes[13] == 0xdd ? 54 : 0;
}

static void add_to_word(__u8 *at, __u32 by)
{
	__u32 word = (__u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];

	word += by;
	at[0] = word >> 24;
	at[1] = word >> 16;
	at[2] = word >> 8;
	at[3] = word;
}

/* A sequence or acknowledgement number a little off, or that of another frame. */
static size_t change_number(__u8 *data, size_t size, struct outline *o, __u32 n)
{
	static const __u32 steps[] = {1, -1u, 4, -4u, 1000, -1000u, 65535, -65535u, 66000, 1u << 31};
	__u32 other = below(o->count), m;
	__u8 *bytes = data + o->begin[n] + INPUT_HEAD;
	__u8 *source = data + o->begin[other] + INPUT_HEAD;
	__u32 upper = upper_of(bytes), from = upper_of(source);

	m = upper + 4 + 4 * below(2);
	if (!upper || o->begin[n] + INPUT_HEAD + m + 4 > o->end[n])
		return size;
	if (below(3) || !from || o->begin[other] + INPUT_HEAD + from + 12 > o->end[other])
		add_to_word(bytes + m, steps[below(sizeof(steps) / sizeof(steps[0]))]);
	else
		memmove(bytes + m, source + from + 4 + 4 * below(2), 4);
	return size;
}

/* Makes what IP says of its length true again. */
static size_t mend_length(__u8 *data, size_t size, struct outline *o, __u32 n)
{
	__u8 *bytes = data + o->begin[n] + INPUT_HEAD;
	size_t length = o->end[n] - o->begin[n] - INPUT_HEAD;
	__u32 upper = upper_of(bytes);

	if (!upper || length < upper)
		return size;
	if (upper == 34) {
		bytes[16] = (length - 14) >> 8;
		bytes[17] = length - 14;
	} else {
		bytes[18] = (length - 54) >> 8;
		bytes[19] = length - 54;
	}
	return size;
}

static size_t change_frame(__u8 *data, size_t size, size_t max, struct outline *o)
{
	__u32 n = below(o->count);

	switch (below(16)) {
	case 0:
	case 1:
	case 2:
		return repeat_frame(data, size, max, o, n);
	case 3:
		return remove_frame(data, size, o, n);
	case 4:
	case 5:
		return change_circumstances(data, size, o, n);
	case 6:
	case 7:
	case 8:
		return change_number(data, size, o, n);
	case 9:
		return mend_length(data, size, o, n);
	case 10:
	case 11:
	case 12:
		return change_headers(data, size, o, n);
	default:
		return change_bytes(data, size, max, o, n);
	}
}

size_t LLVMFuzzerCustomMutator(__u8 *data, size_t size, size_t max_size, unsigned int seed)
{
	struct outline o;
	__u32 times;

	random_state = seed | 1;
	for (times = 1 + below(3); times; times--) {
		outline_of(&o, data, size);
		if (!o.count || !below(20))
			return LLVMFuzzerMutate(data, size, max_size);
		size = change_frame(data, size, max_size, &o);
	}
	return size;
}

/* The first frames of one input, then the last of another. */
size_t LLVMFuzzerCustomCrossOver(const __u8 *one, size_t one_size, const __u8 *two, size_t two_size,
				 __u8 *out, size_t max_size, unsigned int seed)
{
	struct outline a, b;
	size_t head, tail;

	random_state = seed | 1;
	outline_of(&a, one, one_size);
	outline_of(&b, two, two_size);
	if (!a.count || !b.count)
		return 0;
	head = a.end[below(a.count)];
	tail = b.begin[below(b.count)];
	if (head + two_size - tail > max_size)
		return 0;
	memcpy(out, one, head);
	memcpy(out + head, two + tail, two_size - tail);
	return head + two_size - tail;
}
