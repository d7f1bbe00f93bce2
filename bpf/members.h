/* SPDX-License-Identifier: GPL-2.0 */
/* Members of dynamic groups. An expired one is none; user space only frees its room. */
#ifndef BW_MEMBERS_H
#define BW_MEMBERS_H

#include "frame.h"

static __always_inline int is_member(struct address *address, __u32 group, __u64 now)
{
	struct member_key key;
	struct member *m;

	address_copy(&key.address, address);
	key.group = group;
	m = bpf_map_lookup_elem(&members, &key);
	return m && (!m->expires || m->expires > now);
}

#endif
