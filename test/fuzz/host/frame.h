/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes of a frame where a program may read them, and nothing around them: contexts of programs
 * have 32 bits for an address, so they lie in the low 4 GiB, and what is outside of the frame is
 * poison to the sanitizer.
 */
#ifndef BW_HOST_FRAME_H
#define BW_HOST_FRAME_H

#include <linux/bpf.h>

enum frame_room {
	FRAME_HEADROOM = 256,
	FRAME_LONGEST = 4096,
};

/* Puts a frame there; only the first `linear` bytes may be read. */
void frame_put(const void *bytes, __u32 length, __u32 linear);

void frame_xdp(struct xdp_md *ctx, __u32 ifindex);
void frame_skb(struct __sk_buff *skb, __u32 ifindex);

#endif
