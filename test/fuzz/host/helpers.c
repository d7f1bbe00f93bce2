// SPDX-License-Identifier: GPL-2.0
/* What the kernel does for a program, as far as those of bpf/ ask for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sanitizer/asan_interface.h>
#include <linux/pkt_cls.h>
#include "bpf/bpf_helpers.h"
#include "frame.h"
#include "maps.h"

#define ARENA ((__u8 *)0x30000000UL)
#define FRAME (ARENA + FRAME_HEADROOM)

enum {
	ARENA_SIZE = FRAME_HEADROOM + FRAME_LONGEST + 4096,
};

static __u32 frame_length, frame_linear;

static void arena_make(void)
{
	static int made;

	if (made)
		return;
	made = 1;
	if (mmap(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != ARENA) {
		perror("memory for frames");
		exit(1);
	}
}

static void let_read(__u32 linear)
{
	frame_linear = linear;
	__asan_poison_memory_region(ARENA, ARENA_SIZE);
	__asan_unpoison_memory_region(FRAME, linear);
}

void frame_put(const void *bytes, __u32 length, __u32 linear)
{
	arena_make();
	__asan_unpoison_memory_region(ARENA, ARENA_SIZE);
	memcpy(FRAME, bytes, length);
	frame_length = length;
	let_read(linear < length ? linear : length);
}

static __u32 address(void *p)
{
	return (__u32)(unsigned long)p;
}

void frame_xdp(struct xdp_md *ctx, __u32 ifindex)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->data = address(FRAME);
	ctx->data_meta = ctx->data;
	ctx->data_end = address(FRAME + frame_linear);
	ctx->ingress_ifindex = ifindex;
}

void frame_skb(struct __sk_buff *skb, __u32 ifindex)
{
	memset(skb, 0, sizeof(*skb));
	skb->data = address(FRAME);
	skb->data_meta = skb->data;
	skb->data_end = address(FRAME + frame_linear);
	skb->len = frame_length;
	skb->ifindex = ifindex;
}

long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta)
{
	__u32 meta = ctx->data_meta + delta;

	if (meta < address(ARENA) || meta > ctx->data)
		return -EINVAL;
	ctx->data_meta = meta;
	__asan_unpoison_memory_region((void *)(unsigned long)meta, ctx->data - meta);
	return 0;
}

static long load_bytes(__u32 offset, void *to, __u32 length)
{
	if (offset > frame_length || length > frame_length - offset)
		return -EINVAL;
	__asan_unpoison_memory_region(FRAME, frame_length);
	memcpy(to, FRAME + offset, length);
	let_read(frame_linear);
	return 0;
}

__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx)
{
	return frame_length;
}

long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 length)
{
	return load_bytes(offset, to, length);
}

long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 length)
{
	return load_bytes(offset, to, length);
}

/* No world has another node, so that there is nobody to answer. */
long bpf_xdp_store_bytes(struct xdp_md *ctx, __u32 offset, void *from, __u32 length)
{
	abort();
}

long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length,
			 __u64 flags)
{
	abort();
}

long bpf_skb_pull_data(struct __sk_buff *skb, __u32 length)
{
	if (length > frame_length)
		return -ENOMEM;
	if (length > frame_linear)
		let_read(length);
	skb->data_end = address(FRAME + frame_linear);
	return 0;
}

/* Programs take the time from their map `clock`. */
__u64 bpf_jiffies64(void)
{
	abort();
}

/* Only probes of another node are timed by it. */
__u64 bpf_ktime_get_ns(void)
{
	abort();
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

/* There are no rings: every event counts as lost. */
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags)
{
	abort();
}

/* There is no program to call. */
long bpf_tail_call(void *ctx, void *programs, __u32 index)
{
	return -ENOENT;
}

long bpf_redirect(__u32 ifindex, __u64 flags)
{
	return TC_ACT_REDIRECT;
}

long bpf_redirect_map(void *map, __u64 key, __u64 flags)
{
	return XDP_REDIRECT;
}

long bpf_clone_redirect(struct __sk_buff *skb, __u32 ifindex, __u64 flags)
{
	return 0;
}
