/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an address is (host, peer class, deny lines) and what a service is (service class). Prefixes
 * live in a plain hash that is probed once per distinct length, longest first: a trie costs more,
 * shares one lock between its writers and stalls when a big one is freed.
 */
#ifndef BW_CLASSIFY_H
#define BW_CLASSIFY_H

#include "frame.h"
#include "protocols.h"

/* `address` cut to its first `length` bits, 128 at most. Without a branch: the verifier would walk all
 * that comes after once for every word that a length may end in. */
static __always_inline void mask_address(struct address *to, struct address *from, __u32 length)
{
	__u64 beyond = (length >> 6 | length >> 7) & 1, whole = length >> 7 & 1;
	__u64 part = ~(~0ULL >> (length & 63));
	__u64 high = part | -beyond, low = (part & -beyond) | -whole;
	__be32 *t = words(to), *f = words(from);

	t[0] = f[0] & bpf_htonl(high >> 32);
	t[1] = f[1] & bpf_htonl((__u32)high);
	t[2] = f[2] & bpf_htonl(low >> 32);
	t[3] = f[3] & bpf_htonl((__u32)low);
}

static __always_inline struct address_class *probe(void *map, struct address *address,
						   __u32 length)
{
	struct address_key key;

	key.length = length;
	mask_address(&key.address, address, length);
	return bpf_map_lookup_elem(map, &key);
}

/*
 * The VLANs of a frame as keys have them; 0: no host can be in those. Which of the two kinds of tag the
 * outer one of two is depends on who set it: it is the same VLAN.
 */
static __always_inline __u32 tagged_length(__u16 *tag)
{
	__u32 outer = tag[0], inner = tag[1];

	if (inner)
		outer &= ~TAG_SERVICE;
	if ((outer | inner) & ~TAG_VID)
		return 0;
	return LENGTH_TAGGED | outer << LENGTH_OUTER_AT | inner;
}

/* Of an address that only its VLANs tell of; nothing moves where it is nobody's. */
static __always_inline void classify_tagged(void *map, struct address *address, struct flow *flow,
					    struct address_class *out)
{
	struct address_class *found;
	struct address_key key;

	key.length = tagged_length(flow->tag);
	address_copy(&key.address, address);
	found = bpf_map_lookup_elem(map, &key);
	if (found)
		*out = *found;
}

enum classes_limits {
	CLASSES = 1024,			/* a power of two */
	CLASSES_SHIFT = 54,		/* leaves the top bits of a product: as many as number CLASSES */
};

/*
 * What an address was found to be, remembered by each CPU for its packets, of which it judges one at a
 * time. An epoch is one policy: its number comes round after 2^31 switches.
 */
struct class_line {
	struct address address;
	struct address_class class;
	__u32 epoch;			/* 0: nothing */
	__u32 family;			/* of two that look alike, ::ffff:192.0.2.1 and 192.0.2.1 */
	__u32 pad[2];
};

PERCPU_MAP(classes, CLASSES, struct class_line);

static __always_inline struct class_line *class_line_of(struct address *address)
{
	__be32 *w = words(address);
	__u64 high = (__u64)w[0] << 32 | w[1], low = (__u64)w[2] << 32 | w[3];
	__u32 index = place_of(low, high, CLASSES_SHIFT);

	return bpf_map_lookup_elem(&classes, &index);
}

/* Not of who is bound to a port or a MAC: that may change under one policy. Nor of who is told by VLANs. */
static __always_inline void class_keep(struct class_line *line, struct flow *flow,
				       struct address *address, struct address_class *class)
{
	if (!line || !flow->epoch || class->flags)
		return;
	line->class = *class;
	address_copy(&line->address, address);
	line->family = flow->family;
	line->epoch = flow->epoch;
}

/* The class of flow->src, or of flow->dst, into *out. Returns 0, or -1: no such generation. */
__noinline int classify(struct flow *flow, __u32 destination, struct address_class *out)
{
	struct address_class *found = NULL;
	struct class_line *line;
	struct generation *g;
	struct address address;
	__u32 slot, count, i;
	void *map;

	if (!flow || !out)
		return -1;
	address_copy(&address, destination ? &flow->dst : &flow->src);
	line = class_line_of(&address);
	if (line && flow->epoch && line->epoch == flow->epoch && line->family == flow->family &&
	    address_equal(&line->address, &address)) {
		*out = line->class;
		return 0;
	}
	slot = flow->slot;
	g = bpf_map_lookup_elem(&generations, &slot);
	map = bpf_map_lookup_elem(&addresses, &slot);
	if (!g || !map)
		return -1;

	if (flow->family == 4) {
		count = g->v4_count;
		for (i = 0; i < MAX_V4_LENGTHS && i < count && !found; i++)
			found = probe(map, &address, g->v4_length[i]);
		*out = found ? *found : g->v4;
	} else {
		count = g->v6_count;
		for (i = 0; i < MAX_V6_LENGTHS && i < count && !found; i++)
			found = probe(map, &address, g->v6_length[i]);
		*out = found ? *found : g->v6;
	}
	if (out->flags & CLASS_TAGGED)
		classify_tagged(map, &address, flow, out);
	class_keep(line, flow, &address, out);
	return 0;
}

/* Is it a host's in other VLANs only? There is nobody by that address here. */
static __always_inline int is_elsewhere(struct address_class *class)
{
	return class->flags & CLASS_TAGGED;
}

static __always_inline __u16 service_class_of(__u32 slot, __u32 service)
{
	void *map = bpf_map_lookup_elem(&services, &slot);
	__u32 page_number = service / SERVICE_PAGE;
	struct service_page *page;

	if (!map)
		return 0;
	page = bpf_map_lookup_elem(map, &page_number);
	return page ? page->class[service % SERVICE_PAGE] : 0;
}

/* `port` is that of the destination; `type`, of ICMP, that of the request. */
static __always_inline __u32 service_code(__u8 family, __u8 proto, __u16 port, __u8 type)
{
	if (is_icmp(family, proto))
		return (family == 4 ? SERVICE_ICMP : SERVICE_ICMP6) + type;
	switch (proto) {
	case IPPROTO_TCP:
		return SERVICE_TCP + port;
	case IPPROTO_UDP:
		return SERVICE_UDP + port;
	case IPPROTO_SCTP:
		return SERVICE_SCTP + port;
	}
	return SERVICE_PROTO + proto;
}

static __always_inline int has_ports(__u8 family, __u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       is_icmp(family, proto);
}

/* The service a frame asks for when it opens a connection. */
static __always_inline __u32 service_of(struct frame *f)
{
	if (!(f->flags & FRAME_PORTS) && has_ports(f->family, f->proto))
		return NO_SERVICE;
	return service_code(f->family, f->proto, bpf_ntohs(f->dport), f->icmp_type);
}

#endif
