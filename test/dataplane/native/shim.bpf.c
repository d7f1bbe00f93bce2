/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test runs cannot hand tc a frame whose tag the kernel took off, which is how every tagged frame
 * arrives from a wire; nor IP frames that are cut short, which wires do carry. This program takes
 * the tag out of the bytes and puts it where the kernel has it, and writes the ethertype that came
 * in the mark; then it runs the program under test.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

struct tagged {
	struct ethhdr eth;
	__be16 tci;
	__be16 type;
};

static __always_inline void tag_as_from_wire(struct __sk_buff *skb)
{
	struct tagged *t = (void *)(long)skb->data;
	__be16 tpid, tci;

	if ((void *)(t + 1) > (void *)(long)skb->data_end)
		return;
	tpid = t->eth.h_proto;
	tci = t->tci;
	if (tpid != bpf_htons(ETH_P_8021Q) && tpid != bpf_htons(ETH_P_8021AD))
		return;
	if (!bpf_skb_vlan_pop(skb))
		bpf_skb_vlan_push(skb, tpid, bpf_ntohs(tci));
}

static __always_inline void disclose(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if (!skb->mark || (void *)(eth + 1) > (void *)(long)skb->data_end)
		return;
	eth->h_proto = bpf_htons(skb->mark);
	skb->mark = 0;
}

SEC("tc")
int from_wire(struct __sk_buff *skb)
{
	disclose(skb);
	tag_as_from_wire(skb);
	bpf_tail_call(skb, &under_test, 0);
	return TC_ACT_STOLEN;
}

char LICENSE[] SEC("license") = "GPL";
