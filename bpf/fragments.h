/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IP fragments. The first of a datagram shows its ports and is judged like any packet; the others
 * follow its verdict, by the datagram's id, as long as they neither overlap nor come before it.
 * Nothing is queued: what the far end puts together went through here in that form.
 *
 * Of the bytes that have come an entry remembers two runs: the one that begins at 0, and at most one
 * further on, for a fragment that overtook another. Both are kept in 8-byte units in one word, which
 * moves by compare-and-swap. The word holds bits of the id, too: the LRU may give a slot to another
 * datagram at any time, whose word then differs.
 */
#ifndef BW_FRAGMENTS_H
#define BW_FRAGMENTS_H

#include "opening.h"
#include "track.h"

enum fragment_limits {
	/* From the first on; a datagram of 65,535 bytes takes that long at 105 kbit/s. Ids come
	 * round again, so the 30 and 60 s of end hosts would be too long (RFC 4963). */
	FRAGMENT_SECONDS = 5,
	FRAGMENT_DATAGRAMS = 16384,
};

enum fragment_word {
	RUN_UNITS = 0x3fff,	/* up to here all has come */
	RUN_BITS = 14,		/* shift: where a second run begins; 0: there is none */
	FRAGMENT_LAST_BIT = 42,	/* nothing comes after the end of the last run */
	FRAGMENT_SPOILT_BIT,	/* fragments of it overlapped: it is over */
	FRAGMENT_ID_BIT,	/* shift: the id's low bits */
};

#define FRAGMENT_LAST (1ULL << FRAGMENT_LAST_BIT)
#define FRAGMENT_SPOILT (1ULL << FRAGMENT_SPOILT_BIT)
#define FRAGMENT_RUNS (FRAGMENT_LAST - 1)

HASH_MAP(fragments, BPF_MAP_TYPE_LRU_HASH, 0, FRAGMENT_DATAGRAMS, struct fragment_key,
	 struct datagram);

enum fragment_decision {
	FRAGMENT_GOES_ON = -1,	/* a first one: to be judged like a packet */
};

static __always_inline void fragment_key_of(struct fragment_key *key, struct frame *f)
{
	address_copy(&key->src, &f->src);
	address_copy(&key->dst, &f->dst);
	key->id = f->fragment_id;
	key->tag[0] = f->tag[0];
	key->tag[1] = f->tag[1];
	key->proto = f->family == 4 ? f->proto : 0;
	key->family = f->family;
	key->pad[0] = 0;
	key->pad[1] = 0;
}

static __always_inline __u64 fragment_id_bits(struct frame *f)
{
	return (__u64)f->fragment_id << FRAGMENT_ID_BIT;
}

static __always_inline int fragment_complete(__u64 word)
{
	return word & FRAGMENT_LAST && !(word >> RUN_BITS & RUN_UNITS);
}

/* The datagram's entry, unless it is too old or was judged by another policy. */
static __always_inline struct datagram *fragment_find(struct walk *w)
{
	struct frame *f = &w->frame;
	struct datagram *d;

	fragment_key_of(&w->fragment_key, f);
	d = bpf_map_lookup_elem(&fragments, &w->fragment_key);
	if (!d || w->now - d->seen > FRAGMENT_SECONDS * hz)
		return NULL;
	return d->epoch == w->epoch && d->side == f->side ? d : NULL;
}

/* Puts a later fragment among those that came. Returns a reason, 0: it fits, *word has it. */
static __always_inline int fragment_fit(struct frame *f, __u64 *word)
{
	__u32 next = *word & RUN_UNITS, begin = *word >> RUN_BITS & RUN_UNITS;
	__u32 end = *word >> 2 * RUN_BITS & RUN_UNITS, top = end ? end : next;
	__u32 from = f->fragment_offset / 8;
	__u32 to = (f->fragment_offset + f->fragment_length + 7) / 8;
	__u64 last = f->flags & FRAME_MORE ? 0 : FRAGMENT_LAST;

	if (*word & FRAGMENT_SPOILT || from < next)
		return REASON_FRAGMENT_OVERLAP;
	if (from >= top ? *word & FRAGMENT_LAST : last)
		return REASON_FRAGMENT_OVERLAP;
	if (end && from < end && to > begin)
		return REASON_FRAGMENT_OVERLAP;
	if (from == next && to == begin) {
		next = end;
		begin = 0;
		end = 0;
	} else if (from == next) {
		next = to;
	} else if (!end) {
		begin = from;
		end = to;
	} else if (from == end) {
		end = to;
	} else if (to == begin) {
		begin = from;
	} else {
		return REASON_FRAGMENT;
	}
	*word = (*word & ~(FRAGMENT_RUNS)) | last | next | (__u64)begin << RUN_BITS |
		(__u64)end << 2 * RUN_BITS;
	return 0;
}

static __always_inline int fragment_spoil(struct walk *w, struct datagram *d, __u64 word)
{
	if (!(w->frame.flags & FRAME_DRY))
		__sync_val_compare_and_swap(&d->word, word, word | FRAGMENT_SPOILT);
	return REASON_FRAGMENT_OVERLAP;
}

/*
 * A later fragment of a TCP segment: what it carries has to lie in the window, and counts as sent, or
 * its acknowledgement would be of something that never was. Returns a reason.
 */
static __always_inline int fragment_in_window(struct walk *w, struct datagram *d)
{
	struct frame *f = &w->frame, *q = &w->quote;
	struct tcp_side *sender;
	struct state *s;
	__u32 end;

	address_copy(&q->src, &f->src);
	address_copy(&q->dst, &f->dst);
	q->tag[0] = f->tag[0];
	q->tag[1] = f->tag[1];
	q->family = f->family;
	q->proto = IPPROTO_TCP;
	q->flags = FRAME_PORTS;
	q->sport = d->sport;
	q->dport = d->dport;
	key_of(w, q);
	s = find(w, &established);
	if (!s)
		return REASON_FRAGMENT;
	sender = &s->tcp[w->from_high & 1];
	end = d->seq + f->fragment_offset + f->fragment_length;
	if (side_known(edge(&s->word), w->from_high) &&
	    seq_after(end, seq_max(edge(&sender->limit), edge(&sender->end))) && out_of_window(w))
		return REASON_OUT_OF_WINDOW;
	if (!(f->flags & FRAME_MORE))
		end += d->fin;
	if (!(f->flags & FRAME_DRY))
		edge_raise(w, &sender->end, end);
	return 0;
}

/* One that is not the first. */
static __always_inline int fragment_follow(struct walk *w, struct datagram *d)
{
	struct verdict *v = &w->verdict;
	__u64 word = *(volatile __u64 *)&d->word, moved = word;
	int reason;

	if (word >> FRAGMENT_ID_BIT != fragment_id_bits(&w->frame) >> FRAGMENT_ID_BIT ||
	    fragment_complete(word))
		return REASON_FRAGMENT;
	reason = fragment_fit(&w->frame, &moved);
	if (reason == REASON_FRAGMENT_OVERLAP)
		return fragment_spoil(w, d, word);
	if (!reason && d->tcp)
		reason = fragment_in_window(w, d);
	if (reason)
		return reason;
	v->rule_out = d->rule_out;
	v->rule_in = d->rule_in;
	v->rule_transit = d->rule_transit;
	v->detour = d->detour;
	if (w->frame.flags & FRAME_DRY)
		return 0;
	if (__sync_val_compare_and_swap(&d->word, word, moved) != word)
		return REASON_FRAGMENT;
	w->fragment_before = word;
	w->fragment_after = moved;
	return 0;
}

/* A first one of a datagram of which fragments came already, and not all. */
static __always_inline int fragment_again(struct walk *w, struct datagram *d)
{
	__u64 word = *(volatile __u64 *)&d->word;

	return fragment_complete(word) ? 0 : fragment_spoil(w, d, word);
}

/*
 * A fragment before it is judged like a packet, if it will be. A first one without its whole
 * transport header is none that could be judged (RFC 1858, RFC 7112), nor is an ICMP error in pieces.
 */
__noinline int judge_fragment(__u32 kind)
{
	struct walk *w = walk_here(kind);
	int reason, dropped = REASON_FRAGMENT;
	struct datagram *d;
	struct frame *f;

	if (!w)
		return REASON_NO_POLICY;
	f = &w->frame;
	d = fragment_find(w);
	if (f->fragment_offset) {
		if (d && !(f->flags & FRAME_ILL_FRAGMENT))
			dropped = fragment_follow(w, d);
		if (!dropped)
			return 0;
	} else {
		if (d && fragment_again(w, d))
			dropped = REASON_FRAGMENT_OVERLAP;
		else if (f->flags & FRAME_UPPER && !(f->flags & (FRAME_ILL_FRAGMENT | FRAME_ERROR)))
			return FRAGMENT_GOES_ON;
	}
	reason = judge_frame_flow(w, JUDGE_FRAGMENT);
	return reason == REASON_FRAGMENT ? dropped : reason;
}

/* A first fragment was accepted: those that follow will be. */
static __always_inline void fragment_remember(struct walk *w)
{
	struct datagram *d = &w->datagram;
	struct frame *f = &w->frame;

	if (f->flags & FRAME_DRY)
		return;
	d->word = fragment_id_bits(f) | f->fragment_length / 8;
	d->seen = w->now;
	d->epoch = w->epoch;
	d->side = f->side;
	d->rule_out = w->verdict.rule_out;
	d->rule_in = w->verdict.rule_in;
	d->rule_transit = w->verdict.rule_transit;
	d->detour = w->verdict.detour;
	d->tcp = f->proto == IPPROTO_TCP;
	d->sport = f->sport;
	d->dport = f->dport;
	d->fin = f->tcp_flags & TCP_FIN;
	d->seq = f->tcp.seq + !!(f->tcp_flags & TCP_SYN) + f->tcp.payload - f->upper_length;
	if (!bpf_map_update_elem(&fragments, &w->fragment_key, d, BPF_ANY))
		w->fragment_after = d->word;
}

/* The frame will be judged again, by tc: as if it had not come. */
static __always_inline void fragment_undo(struct walk *w)
{
	struct datagram *d;

	if (!w->fragment_after)
		return;
	if (!w->fragment_before) {
		bpf_map_delete_elem(&fragments, &w->fragment_key);
		return;
	}
	d = bpf_map_lookup_elem(&fragments, &w->fragment_key);
	if (d)
		__sync_val_compare_and_swap(&d->word, w->fragment_after, w->fragment_before);
}

#endif
