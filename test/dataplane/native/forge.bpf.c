/* SPDX-License-Identifier: GPL-2.0 */
/* Puts before every frame what another wall would say of it: accepted, flood it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../../../bpf/layout.h"

const volatile __u32 secret = 0;

SEC("xdp")
int forge(struct xdp_md *ctx)
{
	struct xdp_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_DROP;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_DROP;
	meta->secret = secret;
	meta->from = ctx->ingress_ifindex;
	meta->mark = MARK_ACCEPT;
	meta->ifindex = 0;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
