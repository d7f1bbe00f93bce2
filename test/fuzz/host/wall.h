/* SPDX-License-Identifier: GPL-2.0 */
/* The dataplane of bpf/, built for this machine: a frame goes in, and comes out judged. */
#ifndef BW_HOST_WALL_H
#define BW_HOST_WALL_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

/* A frame that comes in on a port. */
struct arrival {
	__u32 port;
	__u32 tc;		/* it gets to tc at once, its tag taken off, if it has one */
	__u32 segments;		/* tc: frames that it is made of; 0: it says nothing of them */
	__u32 segment_size;
	__u32 linear;		/* tc: so many bytes may be read without asking for more */
	__u32 length;
	const __u8 *bytes;
};

/* What became of it. */
struct judged {
	__u32 by;		/* the hook that judged it; 0: XDP, 1: tc */
	__u32 retval;
	__u32 mark;
};

/* The switches that libbpf would set before it loads the programs. */
void wall_prepare(void);

/*
 * Of two tags the outer comes off and the inner must be whole, or the kernel drops the frame before tc,
 * and the shim of test runs (../../dataplane/native) does what no wire does.
 */
bool wall_tc_takes(const struct arrival *arrival);

/* Judges a frame. Ends the process when what must hold for every frame does not. */
struct judged wall_judge(const struct arrival *arrival);

/* The wall that programs see is new. */
void wall_begin(void);

/* Jiffies since then. */
void wall_set_clock(__u64 since);

/* Has every state judged again. */
void wall_rejudge(void);

/* Writes how struct walk is laid out, and then, after each frame, its last state. */
void wall_write_layout(FILE *file);
void wall_write_walk(FILE *file);

#endif
