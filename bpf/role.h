/* SPDX-License-Identifier: GPL-2.0 */
/* Step 3: whether this node is the one whose packets pass. */
#ifndef BW_ROLE_H
#define BW_ROLE_H

#include "frame.h"

/* The role as one word, so that a frame sees one answer. */
static __always_inline __u64 role_word(void)
{
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&role, &zero);

	return word ? *(volatile __u64 *)word : ROLE_STANDBY;
}

static __always_inline int is_standby(void)
{
	return role_word() & ROLE_STANDBY;
}

static __always_inline __u32 role_epoch(__u64 word)
{
	return word >> 32;
}

#endif
