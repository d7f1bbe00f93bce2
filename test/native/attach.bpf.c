/* SPDX-License-Identifier: GPL-2.0 */
/* Programs to attach: two that differ, for XDP and for tc, and a counter of what they saw. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline void see(__u32 index)
{
	__u64 *value = bpf_map_lookup_elem(&seen, &index);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("xdp")
int xdp_one(struct xdp_md *ctx)
{
	see(0);
	return XDP_PASS;
}

SEC("xdp")
int xdp_two(struct xdp_md *ctx)
{
	see(1);
	return XDP_PASS;
}

SEC("xdp")
int xdp_transmit(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("tc")
int tc_one(struct __sk_buff *skb)
{
	see(2);
	return TC_ACT_OK;
}

SEC("tc")
int tc_two(struct __sk_buff *skb)
{
	see(3);
	return TC_ACT_OK;
}
