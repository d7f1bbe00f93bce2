/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands where libbpf's header of that name stands, when the programs of bpf/ are built for this
 * machine: the same words, made of plain C. What the kernel does for a program is in helpers.c, its
 * maps are in maps.c.
 */
#ifndef BW_HOST_BPF_HELPERS_H
#define BW_HOST_BPF_HELPERS_H

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/types.h>

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

#define SEC(name)

/* A map is a struct whose first member, a pointer, is made to tell where the map is. */
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);

__u64 bpf_jiffies64(void);
__u64 bpf_ktime_get_ns(void);
__u32 bpf_get_smp_processor_id(void);
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);
long bpf_tail_call(void *ctx, void *programs, __u32 index);
long bpf_redirect(__u32 ifindex, __u64 flags);
long bpf_redirect_map(void *map, __u64 key, __u64 flags);
long bpf_clone_redirect(struct __sk_buff *skb, __u32 ifindex, __u64 flags);

long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta);
__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx);
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 length);
long bpf_xdp_store_bytes(struct xdp_md *ctx, __u32 offset, void *from, __u32 length);
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length,
			 __u64 flags);
long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 length);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 length);

#endif
