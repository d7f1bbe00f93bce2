// SPDX-License-Identifier: GPL-2.0
#include "input.h"

bool input_next(const __u8 *input, size_t size, size_t *at, struct input_frame *to)
{
	if (size < *at + INPUT_HEAD + INPUT_LEAST)
		return false;
	to->head = input + *at;
	to->bytes = to->head + INPUT_HEAD;
	to->length = to->head[3] | to->head[4] << 8;
	if (to->length > size - *at - INPUT_HEAD)
		to->length = size - *at - INPUT_HEAD;
	*at += INPUT_HEAD + to->length;
	if (to->length > INPUT_FRAME)
		to->length = INPUT_FRAME;
	return to->length >= INPUT_LEAST;
}

/* Most keep a handshake alive, the others sit at the edges of timeouts. */
__u32 input_pause(__u8 byte)
{
	static const __u32 pauses[] = {
		0,    0,    0,	   0,	  0,	  0,	  4,	  1000,
		1004, 5000, 30000, 30004, 60000, 120004, 300000, 432000000,
	};

	return pauses[byte & 15];
}
