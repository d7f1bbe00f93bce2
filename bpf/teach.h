/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MACs that the other node has learned, into the table of a standby, which sees no frame of theirs: what comes
 * first after a takeover is not flooded. The other node knows sides, not ports of this one: a side that has
 * several teaches nothing. A batch lies in `import_batch`.
 */
#ifndef BW_TEACH_H
#define BW_TEACH_H

#include "import.h"

/* As fdb_learn(): the sweep has taken what was never seen. */
static __always_inline void teach_known(struct fdb_entry *e, __u32 port, struct teach_call *call)
{
	__u32 from = *(volatile __u32 *)&e->port;
	__u64 seen = *(volatile __u64 *)&e->seen;

	if (!seen || (from != port && !fdb_quota_left(port)) ||
	    __sync_val_compare_and_swap(&e->seen, seen, now_jiffies()) != seen || from == port)
		return;
	call->moved += fdb_move(e, from, port);
}

static int teach_next(__u32 index, struct teach_call *call)
{
	__u32 zero = 0, at = index * sizeof(struct taught);
	struct import_batch *batch = bpf_map_lookup_elem(&import_batch, &zero);
	struct fdb_key key = {};
	struct fdb_entry *e;
	struct taught *t;
	__u32 port;

	/* A frame may be passing by now: what it teaches is newer. */
	if (!batch || at > IMPORT_BYTES - sizeof(*t) || !is_standby())
		return 1;
	t = (struct taught *)(batch->bytes + at);
	port = call->ports[t->side & 1];
	if (port == TEACH_MANY || t->mac[0] & 1)
		return 0;
	__builtin_memcpy(key.mac, t->mac, sizeof(key.mac));
	key.tag[0] = bpf_ntohs(t->tag[0]);
	key.tag[1] = bpf_ntohs(t->tag[1]);
	e = bpf_map_lookup_elem(&fdb, &key);
	if (e)
		teach_known(e, port, call);
	else
		call->added += fdb_add(&key, port, now_jiffies());
	return 0;
}

SEC("syscall")
int teach_addresses(struct teach_call *ctx)
{
	struct teach_call call = *ctx;

	bpf_loop(call.count, teach_next, &call, 0);
	ctx->added = call.added;
	ctx->moved = call.moved;
	return 0;
}

#endif
