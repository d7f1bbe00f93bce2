/* SPDX-License-Identifier: GPL-2.0 */
/* The reading position of the parser, and its bounds. */
#ifndef BW_CURSOR_H
#define BW_CURSOR_H

#include "frame.h"

enum parse_limits {
	/* Where an upper-layer header may begin at the latest, from the start of the frame. */
	UPPER_HEADER_LIMIT = 1024,
	MAX_EXTENSIONS = 8,
	/* Past the longest extension header that begins within that limit. */
	EXTENSION_END_MASK = 4095,
};

/* Reading position: `offset` from `data`; `left` bytes until the end that the last length field
 * gave. `hidden` bytes of tag were taken off the frame by hardware. `copied`: reads the copy in the walk,
 * of which the verifier of 6.1 wants to see how far every read may reach. */
struct cursor {
	void *data;
	void *end;
	__u32 offset;
	__u32 left;
	__u32 hidden;
	int copied;
};

static __always_inline void *cursor_at(struct cursor *c, __u32 bytes)
{
	__u32 offset = c->offset;
	void *p;

	if (offset > UPPER_HEADER_LIMIT + 64)
		return NULL;
	if (c->copied) {
		KEEP_APART(offset);
		offset &= HEADER_MASK;
	}
	p = c->data + offset;
	return p + bytes > c->end ? NULL : p;
}

static __always_inline void cursor_skip(struct cursor *c, __u32 bytes)
{
	c->offset += bytes;
	c->left -= bytes;
}

/*
 * Takes the position through memory that the verifier does not follow. It would otherwise walk all
 * that comes after once for every number of tags, as if those were different programs.
 */
static __always_inline void cursor_forget(struct cursor *c, struct frame *f)
{
	*(volatile __u16 *)&f->headers = c->offset;
	c->offset = *(volatile __u16 *)&f->headers & 63;
	*(volatile __u16 *)&f->headers = c->hidden;
	c->hidden = *(volatile __u16 *)&f->headers & 7;
}

#endif
