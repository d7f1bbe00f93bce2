/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VLAN devices of the two machines beside the wall; not every kernel that runs these tests has them.
 * Filters at ingress, with an action that redirects what they match: `tag_*` puts tags on whatever
 * comes, `untag_*` matches frames with exactly these tags and takes them off.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	NO_MATCH = 0,
	MATCH = -1,
	VLAN_ID = 0xfff,
};

static __always_inline int take_off(struct __sk_buff *skb, __u16 type, __u16 id)
{
	if (!skb->vlan_present || skb->vlan_proto != bpf_htons(type) ||
	    (skb->vlan_tci & VLAN_ID) != id)
		return NO_MATCH;
	return bpf_skb_vlan_pop(skb) ? NO_MATCH : MATCH;
}

static __always_inline int put_on(struct __sk_buff *skb, __u16 type, __u16 id)
{
	return bpf_skb_vlan_push(skb, bpf_htons(type), id) ? NO_MATCH : MATCH;
}

#define SINGLE(id)								\
	SEC("tag/" #id) int tag_##id(struct __sk_buff *skb)			\
	{									\
		return put_on(skb, ETH_P_8021Q, id);				\
	}									\
	SEC("untag/" #id) int untag_##id(struct __sk_buff *skb)			\
	{									\
		return take_off(skb, ETH_P_8021Q, id);				\
	}

#define DOUBLE(type, outer, inner)						\
	SEC("tag/" #outer) int tag_##outer(struct __sk_buff *skb)		\
	{									\
		if (put_on(skb, ETH_P_8021Q, inner) == NO_MATCH)		\
			return NO_MATCH;					\
		return put_on(skb, type, outer);				\
	}									\
	SEC("untag/" #outer) int untag_##outer(struct __sk_buff *skb)		\
	{									\
		if (take_off(skb, type, outer) == NO_MATCH)			\
			return NO_MATCH;					\
		return take_off(skb, ETH_P_8021Q, inner);			\
	}

SINGLE(100)
DOUBLE(ETH_P_8021AD, 200, 30)
DOUBLE(ETH_P_8021Q, 300, 31)

char _license[] SEC("license") = "GPL";
