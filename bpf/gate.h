/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last layer, at tc egress of every port: what leaves by a port carries the mark of an accepted
 * frame, whatever became of the nft tables and of the programs that should have judged it. A frame
 * that is only to be logged and dropped depends on the tables to be dropped; here it ends without
 * them. Frames that XDP redirects were judged in the same breath and do not pass here.
 */
#ifndef BW_GATE_H
#define BW_GATE_H

#include <linux/pkt_cls.h>
#include "layout.h"

SEC("tc")
int gate_wall(struct __sk_buff *skb)
{
	__u32 kind = skb->mark & MARK_KIND;

	return kind == MARK_ACCEPT || kind == MARK_ACCEPT_LOG ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

#endif
