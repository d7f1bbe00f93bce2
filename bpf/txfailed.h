/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that were forwarded and not sent, which only the kernel knows: a redirect that it refused,
 * and frames that a driver would not take from the devmap. Counted by the port they should have
 * left by.
 * Tracepoints see every namespace of the machine, and an ifindex means another device in each.
 */
#ifndef BW_TXFAILED_H
#define BW_TXFAILED_H

#include <bpf/bpf_tracing.h>
#include "maps.h"

const volatile __u32 netns = 0;	/* inode number of the node's network namespace; 0: count nothing */

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct bpf_prog;

static __always_inline struct port *port_of_device(const struct net_device *dev)
{
	__u32 ifindex = dev->ifindex;

	return dev->nd_net.net->ns.inum == netns ? bpf_map_lookup_elem(&ports, &ifindex) : 0;
}

static __always_inline void count_tx_failed(__u32 port, __u32 frames)
{
	__u32 index = (port & (MAX_PORTS - 1)) * OUTCOME_STRIDE + OUTCOME_TX_FAILED;
	struct outcome_counter *c = bpf_map_lookup_elem(&outcomes, &index);

	if (c)
		c->packets += frames;
}

/* `key` is that of the devmap: the number of the port. */
SEC("tp_btf/xdp_redirect_err")
int BPF_PROG(redirect_failed, const struct net_device *dev, const struct bpf_prog *program,
	     const void *target, int error, int map_type, __u32 map_id, __u32 key)
{
	if (map_type == BPF_MAP_TYPE_DEVMAP && port_of_device(dev))
		count_tx_failed(key, 1);
	return 0;
}

SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(transmit_failed, const struct net_device *from, const struct net_device *to, int sent,
	     int drops, int error)
{
	struct port *port;

	if (drops <= 0)
		return 0;
	port = port_of_device(to);
	if (port)
		count_tx_failed(port->number, drops);
	return 0;
}

#endif
