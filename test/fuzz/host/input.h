/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An input of the fuzzer: a byte that names a wall, and frames. Each is three bytes of
 * circumstances, two of its length, and its bytes; the last may be cut short. ../input.ts writes them.
 */
#ifndef BW_FUZZ_INPUT_H
#define BW_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

enum input_limits {
	INPUT_HEAD = 5,
	INPUT_FRAMES = 32,
	INPUT_FRAME = 2048,	/* bytes; test runs of XDP take no more than a page */
	INPUT_LEAST = 14,	/* nor anything without an Ethernet header */
};

enum circumstance {
	INPUT_PORT = 3,		/* of the first byte */
	INPUT_TC = 4,
	INPUT_SEGMENTS = 8,	/* tc: an aggregate */
	INPUT_REJUDGE = 16,	/* all states are to be judged again before */
};

/* The second byte is how long after the one before it comes, the third how much of it is linear. */
struct input_frame {
	const __u8 *head;
	const __u8 *bytes;
	__u32 length;
};

/* Frame by frame; false: that was the last. `at` begins with 1. */
bool input_next(const __u8 *input, size_t size, size_t *at, struct input_frame *to);

/* In thousandths of a second. */
__u32 input_pause(__u8 byte);

#endif
