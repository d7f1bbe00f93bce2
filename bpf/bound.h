/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hosts that the policy binds to a port, a MAC or VLANs speak from there and from nowhere else: what
 * comes in their name by another way is not theirs, be it a packet or word of where they are. Asked only
 * when a policy binds somebody, before states: what is spoofed is so hit or miss.
 */
#ifndef BW_BOUND_H
#define BW_BOUND_H

#include "classify.h"

/* The host that an address is in these VLANs, if it is bound. *elsewhere: it is one in others only. */
static __always_inline struct address_class *bound_host(void *map, struct address *address,
							__u16 *tag, int *elsewhere)
{
	struct address_class *class;
	struct address_key key;

	*elsewhere = 0;
	key.length = 128;
	address_copy(&key.address, address);
	class = bpf_map_lookup_elem(map, &key);
	if (!class || !(class->flags & CLASS_BOUND))
		return NULL;
	if (!is_elsewhere(class))
		return class;
	key.length = tagged_length(tag);
	class = bpf_map_lookup_elem(map, &key);
	*elsewhere = !class;
	return class;
}

enum bound_subject {
	SUBJECT_SOURCE,
	SUBJECT_CLAIM,
};

/* Does what the frame says come from where the host it speaks of is not? */
__noinline int is_astray(__u32 kind, __u32 subject)
{
	struct walk *w = walk_here(kind);
	struct address_class *class;
	struct frame *f;
	int elsewhere;
	__u32 slot;
	void *map;

	if (!w)
		return 1;
	f = &w->frame;
	slot = w->flow.slot;
	map = bpf_map_lookup_elem(&addresses, &slot);
	if (!map)
		return 1;
	class = bound_host(map, subject == SUBJECT_CLAIM ? &f->claim.address : &f->src, f->tag,
			   &elsewhere);
	if (!class)
		return elsewhere;
	if (class->flags & CLASS_PORT && class->port != f->port)
		return 1;
	if (class->flags & CLASS_MAC && !same_mac(class->mac, f->smac))
		return 1;
	if (subject == SUBJECT_CLAIM && class->flags & CLASS_MAC && f->claim.named &&
	    !same_mac(class->mac, f->claim.mac))
		return 1;
	return f->side == SIDE_UPLINK;
}

/* A frame that the link layer lets on. Returns a reason. */
static __always_inline int judge_bound(__u32 kind)
{
	struct walk *w = walk_here(kind);
	__u32 claims;

	if (!w)
		return REASON_NO_POLICY;
	claims = w->frame.flags & FRAME_CLAIM;
	if (claims && is_astray(kind, SUBJECT_CLAIM))
		return w->frame.family ? REASON_ND_GUARD : REASON_ARP_GUARD;
	if (w->frame.family && is_astray(kind, SUBJECT_SOURCE))
		return claims ? REASON_ND_GUARD : REASON_SPOOFED;
	return 0;
}

#endif
