/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in for the dataplane: the mark of a frame is bytes 1 to 4 of its source MAC, so that the
 * sender of a test frame says what verdict it bears. 02:00:00:00:00:xx bears none.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark_frame(struct __sk_buff *skb)
{
	__u8 mac[12];

	if (bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return TC_ACT_SHOT;
	skb->mark = (__u32)mac[7] << 24 | mac[8] << 16 | mac[9] << 8 | mac[10];
	return TC_ACT_OK;
}

SEC("xdp")
int pass_frame(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
