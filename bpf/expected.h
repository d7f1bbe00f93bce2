/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What helpers of netfilter expect, read where they keep it. The detour (detour.h) makes a copy of
 * each packet that a helper saw end at a device where nothing passes; when that copy is freed, its
 * conntrack entry is looked at, on the same CPU and before the packet itself goes on. Nobody can
 * answer to what is announced before it is expected here.
 *
 * Without conntrack in the kernel's BTF all of this is left out, and nothing is expected.
 */
#ifndef BW_EXPECTED_H
#define BW_EXPECTED_H

#include <bpf/bpf_core_read.h>
#include "detour.h"
#include "txfailed.h"

enum expected_limits {
	EXPECTATIONS_EACH = 16,		/* of one connection that are looked at */
	EXPECTATION_INACTIVE = 2,	/* NF_CT_EXPECT_INACTIVE (nf_conntrack_common.h) */
};

union nf_inet_addr {
	__u32 all[4];
} __attribute__((preserve_access_index));

union nf_conntrack_man_proto {
	__be16 all;
} __attribute__((preserve_access_index));

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
} __attribute__((preserve_access_index));

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
	} dst;
} __attribute__((preserve_access_index));

struct nf_conntrack_tuple_mask {
	struct {
		union nf_inet_addr u3;
		union nf_conntrack_man_proto u;
	} src;
} __attribute__((preserve_access_index));

struct hlist_node {
	struct hlist_node *next;
} __attribute__((preserve_access_index));

struct hlist_head {
	struct hlist_node *first;
} __attribute__((preserve_access_index));

struct timer_list {
	unsigned long expires;
} __attribute__((preserve_access_index));

struct nf_conntrack_expect {
	struct hlist_node lnode;
	struct nf_conntrack_tuple tuple;
	struct nf_conntrack_tuple_mask mask;
	unsigned int flags;
	struct timer_list timeout;
} __attribute__((preserve_access_index));

struct nf_conn_help {
	struct hlist_head expectations;
} __attribute__((preserve_access_index));

struct nf_ct_ext {
	__u8 offset[1];
} __attribute__((preserve_access_index));

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
} __attribute__((preserve_access_index));

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	struct nf_ct_ext *ext;
} __attribute__((preserve_access_index));

enum nf_ct_ext_id {
	NF_CT_EXT_HELPER,
};

struct sk_buff {
	struct net_device *dev;
	unsigned long _nfct;
	__u32 mark;
} __attribute__((preserve_access_index));

/* Scratch: a stack is small. */
struct expecting {
	struct expectation_key master;
	struct expectation_key key;
	struct expectation value;
};

PERCPU_MAP(expecting, 1, struct expecting);

static __always_inline int address_some(struct address *a)
{
	__be32 *w = words(a);

	return !!(w[0] | w[1] | w[2] | w[3]);
}

static __always_inline void address_read(struct address *to, const void *from, __u8 family)
{
	__be32 v4;

	if (family == 6) {
		bpf_probe_read_kernel(to, sizeof(*to), from);
		return;
	}
	bpf_probe_read_kernel(&v4, sizeof(v4), from);
	address_from_v4(to, v4);
}

/* Both ends of a tuple. Returns -1 for one that is not IP. */
static __always_inline int tuple_read(struct expectation_key *key, struct nf_conntrack_tuple *t)
{
	__u16 family = BPF_CORE_READ(t, src.l3num);

	if (family != 2 && family != 10)
		return -1;
	key->family = family == 2 ? 4 : 6;
	key->proto = BPF_CORE_READ(t, dst.protonum);
	key->sport = BPF_CORE_READ(t, src.u.all);
	key->dport = BPF_CORE_READ(t, dst.u.all);
	address_read(&key->src, __builtin_preserve_access_index(&t->src.u3), key->family);
	address_read(&key->dst, __builtin_preserve_access_index(&t->dst.u3), key->family);
	return 0;
}

/* What the mask leaves open. Returns -1 for what an expectation of ours cannot say. */
static __always_inline int mask_read(struct expectation_key *key, struct nf_conntrack_tuple_mask *m)
{
	__u16 port = BPF_CORE_READ(m, src.u.all);
	__u32 a[4];

	bpf_probe_read_kernel(a, sizeof(a), __builtin_preserve_access_index(&m->src.u3));
	if (!port)
		key->sport = 0;
	else if (port != 0xffff)
		return -1;
	if (!a[0] && !a[1] && !a[2] && !a[3])
		__builtin_memset(&key->src, 0, sizeof(key->src));
	else if (a[0] != 0xffffffff || (key->family == 6 && (a[1] & a[2] & a[3]) != 0xffffffff))
		return -1;
	return key->sport && !address_some(&key->src) ? -1 : 0;
}

static __always_inline void expectation_keep(struct expecting *x, struct nf_conntrack_expect *e)
{
	struct expectation *old;

	if (BPF_CORE_READ(e, flags) & EXPECTATION_INACTIVE)
		return;
	if (tuple_read(&x->key, __builtin_preserve_access_index(&e->tuple)) ||
	    mask_read(&x->key, __builtin_preserve_access_index(&e->mask)))
		return;
	x->value.until = BPF_CORE_READ(e, timeout.expires);
	x->value.taken = 0;
	old = bpf_map_lookup_elem(&expectations, &x->key);
	/* Known, and perhaps spent by now. */
	if (old && old->until == x->value.until)
		return;
	bpf_map_update_elem(&expectations, &x->key, &x->value, BPF_ANY);
}

/* The wall's own state of the connection in x->master. -1: it has none, or none with a helper. */
static __always_inline int master_find(struct expecting *x)
{
	struct expectation_key *t = &x->master;
	struct state_key *key = &x->value.master.key;
	int high = address_above(&t->src, &t->dst);
	struct state *s;

	address_copy(&key->low, high ? &t->dst : &t->src);
	address_copy(&key->high, high ? &t->src : &t->dst);
	key->low_port = high ? t->dport : t->sport;
	key->high_port = high ? t->sport : t->dport;
	key->tag[0] = t->tag[0];
	key->tag[1] = 0;
	key->proto = t->proto;
	key->family = t->family;
	s = bpf_map_lookup_elem(&established, key);
	if (!s)
		s = bpf_map_lookup_elem(&pending, key);
	if (!s || !(s->word & STATE_DETOUR))
		return -1;
	x->value.master.high = s->word & STATE_ORIG_HIGH;
	return 0;
}

static __always_inline struct hlist_node *first_expectation(struct nf_conn *ct)
{
	struct nf_ct_ext *ext = BPF_CORE_READ(ct, ext);
	struct nf_conn_help *help;
	__u8 at = 0;

	if (!ext)
		return NULL;
	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)ext + bpf_core_field_offset(struct nf_ct_ext, offset) +
				      bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_HELPER));
	if (!at)
		return NULL;
	help = (void *)ext + at;
	return BPF_CORE_READ(help, expectations.first);
}

static __always_inline void expectations_read(struct nf_conn *ct, __u16 vid)
{
	struct hlist_node *node;
	struct expecting *x;
	__u32 zero = 0, i;

	x = bpf_map_lookup_elem(&expecting, &zero);
	node = first_expectation(ct);
	if (!x || !node)
		return;
	__builtin_memset(x, 0, sizeof(*x));
	x->master.tag[0] = vid;
	x->key.tag[0] = vid;
	if (tuple_read(&x->master, __builtin_preserve_access_index(&ct->tuplehash[0].tuple)) ||
	    master_find(x))
		return;
	for (i = 0; i < EXPECTATIONS_EACH && node; i++) {
		expectation_keep(x, (void *)node - bpf_core_field_offset(
							   struct nf_conntrack_expect, lnode));
		node = BPF_CORE_READ(node, next);
	}
}

/* Of all that is freed in the machine, what detour_end dropped for this wall. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(read_expectations, struct sk_buff *skb)
{
	__u32 mark = skb->mark;
	struct detour *d;

	if (!bpf_core_type_exists(struct nf_conn_help) ||
	    !bpf_core_type_exists(struct nf_conntrack_expect))
		return 0;
	if ((mark & MARK_KIND) != MARK_EXPECT || !skb->dev)
		return 0;
	d = detour_here();
	if (!d || skb->dev->ifindex != d->in || skb->dev->nd_net.net->ns.inum != netns)
		return 0;
	/* NFCT_PTRMASK: the low bits say which packet of the connection it is. */
	expectations_read((void *)(skb->_nfct & ~7UL), mark & DETOUR_MARK_VID);
	return 0;
}

#endif
