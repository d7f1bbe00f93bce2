/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers of protocols and their flags that more than one topic needs. */
#ifndef BW_PROTOCOLS_H
#define BW_PROTOCOLS_H

#include <linux/in.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif

enum tcp_flag {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
};

/* Each family has its own; that of the other one is a protocol like any. */
static __always_inline int is_icmp(__u8 family, __u8 proto)
{
	return family == 4 ? proto == IPPROTO_ICMP : proto == IPPROTO_ICMPV6;
}

#endif
