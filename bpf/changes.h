/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What changes among established connections, told to whoever replicates them: that one is there, and
 * that one is over. Into ring buffers, one for each size of record, so that what is taken out of one is a
 * whole batch. What finds no room is counted; digests (digest.h) find it again.
 *
 * There is no message for each move of a window: all that a peer does with edges is to tell what may not
 * come any more (window.h). A pass tells those that moved every few seconds.
 */
#ifndef BW_CHANGES_H
#define BW_CHANGES_H

#include "frame.h"
#include "role.h"

#define CHANGE_RING(name_, bytes_)                                                                 \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                \
		__uint(max_entries, bytes_);                                                       \
	} name_ SEC(".maps")

CHANGE_RING(changed_states4, 1 << 21);
CHANGE_RING(changed_states, 1 << 20);
CHANGE_RING(ended_states4, 1 << 20);
CHANGE_RING(ended_states, 1 << 20);
CHANGE_RING(changed_children, 1 << 18);
ARRAY_MAP(change_stats, 1, struct change_stats);
ARRAY_MAP(birthdays, 16, struct birthday);

enum shared_bits {
	/* Rules, detours and colours are a node's own. */
	STATE_SHARED = STATE_PHASE | STATE_ORIG_HIGH | STATE_LOW_SCREENED | STATE_HIGH_SCREENED |
		       STATE_FIN_HIGH | STATE_PICKED_UP | (int)STATE_RELATED |
		       (0x3f << STATE_LOW_TCP) | (0x3f << STATE_HIGH_TCP),
	BORN_EPOCHS = 15,	/* mask: of epochs in `birthdays` */
};

static __always_inline __u64 born_now(__u64 now)
{
	return (__u64)role_epoch(role_word()) << BORN_EPOCH_AT | now;
}

/* A time of birth by the clock of this node. */
static __always_inline __u64 born_here(__u64 born)
{
	__u64 epoch = born >> BORN_EPOCH_AT, time = born << 16 >> 16;
	__u32 index = epoch & BORN_EPOCHS;
	struct birthday *b = bpf_map_lookup_elem(&birthdays, &index);

	return b && b->epoch == epoch ? time + b->offset : time;
}

static __always_inline __u32 milliseconds(__u64 jiffies)
{
	return jiffies * 1000 / hz;
}

/* Does anybody want to know? Of a standby's table nobody does. */
static __always_inline int is_telling(void)
{
	return (role_word() & (ROLE_STANDBY | ROLE_REPLICATES)) == ROLE_REPLICATES;
}

static __always_inline void change_told(long err)
{
	__u32 zero = 0;
	struct change_stats *stats = bpf_map_lookup_elem(&change_stats, &zero);

	if (stats)
		__sync_fetch_and_add(err ? &stats->lost : &stats->told, 1);
}

static __always_inline void change_head(struct change_head *h, struct state_key *key,
					struct state *s, __u64 now)
{
	h->born = s->born;
	h->read = milliseconds(now);
	h->idle = milliseconds(now - s->seen);
	h->low_port = key->low_port;
	h->high_port = key->high_port;
	h->tag[0] = key->tag[0];
	h->tag[1] = key->tag[1];
	h->word = s->word & STATE_SHARED;
	h->proto = key->proto;
	h->family = key->family;
	h->pad[0] = 0;
	h->pad[1] = 0;
	h->end[0] = s->tcp[0].end;
	h->end[1] = s->tcp[1].end;
	h->acked[0] = s->tcp[0].acked;
	h->acked[1] = s->tcp[1].acked;
}

/* Whose child w->key is. Before the connection itself: the other node is to know why it is allowed. */
static __always_inline void change_child(struct walk *w)
{
	struct master *m = bpf_map_lookup_elem(&children, &w->key);

	if (!m)
		return;
	w->child.child = w->key;
	w->child.master = *m;
	w->child.pad = 0;
	change_told(bpf_ringbuf_output(&changed_children, &w->child, sizeof(w->child), 0));
}

/* w->state, which is established now, with w->key. */
__noinline int change_opened(__u32 kind)
{
	struct walk *w = walk_here(kind);
	struct change *c;
	struct change4 *c4;

	if (!w || !is_telling())
		return 0;
	if (w->state.word & STATE_RELATED)
		change_child(w);
	c = &w->change;
	change_head(&c->head, &w->key, &w->state, w->now);
	if (w->key.family == 4) {
		c4 = (struct change4 *)c;
		c4->low = words(&w->key.low)[3];
		c4->high = words(&w->key.high)[3];
		change_told(bpf_ringbuf_output(&changed_states4, c4, sizeof(*c4), 0));
		return 0;
	}
	address_copy(&c->low, &w->key.low);
	address_copy(&c->high, &w->key.high);
	change_told(bpf_ringbuf_output(&changed_states, c, sizeof(*c), 0));
	return 0;
}

/* One that is over: PHASE_DYING, or the phase in which it only waits for its end. */
__noinline int change_ended(struct state_key *key, __u64 born, __u32 phase)
{
	struct end e;
	struct end4 *e4 = (struct end4 *)&e;

	if (!key || !is_telling())
		return 0;
	e.head.born = born;
	e.head.read = milliseconds(now_jiffies());
	e.head.low_port = key->low_port;
	e.head.high_port = key->high_port;
	e.head.tag[0] = key->tag[0];
	e.head.tag[1] = key->tag[1];
	e.head.proto = key->proto;
	e.head.family = key->family;
	e.head.phase = phase;
	e.head.pad = 0;
	if (key->family == 4) {
		e4->low = words(&key->low)[3];
		e4->high = words(&key->high)[3];
		change_told(bpf_ringbuf_output(&ended_states4, e4, sizeof(*e4), 0));
		return 0;
	}
	address_copy(&e.low, &key->low);
	address_copy(&e.high, &key->high);
	change_told(bpf_ringbuf_output(&ended_states, &e, sizeof(e), 0));
	return 0;
}

#endif
