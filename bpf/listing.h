/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists the live states that a filter matches, as rows that go through to the client as they are.
 */
#ifndef BW_LISTING_H
#define BW_LISTING_H

#include "state_filter.h"
#include "sweep.h"

static __always_inline void row_traffic(struct row_traffic *to, struct session_counter *from)
{
	to->packets = bpf_cpu_to_be64(from->packets);
	to->bytes = bpf_cpu_to_be64(from->bytes);
}

static __always_inline void row_counters(struct state_row *row, struct session_key *key,
					 __u32 word)
{
	struct session *of = bpf_map_lookup_elem(&sessions, key);
	int turned = !!(word & STATE_ORIG_HIGH);

	if (!of)
		return;
	row->flags |= ROW_COUNTED;
	row_traffic(&row->sent, turned ? &of->sent[1] : &of->sent[0]);
	row_traffic(&row->received, turned ? &of->sent[0] : &of->sent[1]);
}

static __always_inline void row_times(struct state_row *row, struct state_key *key,
				      struct state *s, __u64 now)
{
	__u64 end = s->seen + timeout_of(key, phase_of(s->word));

	row->age = bpf_htonl(since(s->born, now) / hz);
	row->idle = bpf_htonl(since(s->seen, now) / hz);
	row->left = bpf_htonl((since(now, end) + hz - 1) / hz);
}

static __always_inline void row_fill(struct state_row *row, struct state_key *key, struct state *s,
				     __u64 now)
{
	struct seen_ends ends;

	seen_ends(&ends, key, s->word);
	address_copy(&row->source, ends.from.address);
	address_copy(&row->destination, ends.to.address);
	row->source_port = bpf_htons(ends.from.port);
	row->destination_port = bpf_htons(ends.to.port);
	row->vlan[0] = bpf_htons(key->tag[0] & TAG_VID);
	row->vlan[1] = bpf_htons(key->tag[1] & TAG_VID);
	row->proto = key->proto;
	row->phase = phase_of(s->word);
	row->flags = (s->word & STATE_TRANSIT ? ROW_TRANSIT : 0) |
		     (s->word & STATE_PICKED_UP ? ROW_PICKED_UP : 0);
	row->rule_out = bpf_htonl(s->rule_out);
	row->rule_in = bpf_htonl(s->rule_in);
	row_times(row, key, s, now);
}

static __always_inline void list_state(struct visit *v, struct state_key *raw,
				       struct state *raw_state)
{
	struct state_pass *pass = pass_of(PASS_LIST);
	struct state_row row = {};
	struct session_key key = {};
	struct state s;
	__u64 now;

	if (!pass)
		return;
	__builtin_memcpy(&key.key, raw, sizeof(key.key));
	__builtin_memcpy(&s, raw_state, sizeof(s));
	now = now_jiffies();
	if (state_gone(&s, &key.key, now))
		return;
	pass->live++;
	if (!filter_matches(&pass->filter, &key.key, &s, now))
		return;
	pass->hit++;
	if (pass->filter.fields & FILTER_NO_ROWS)
		return;
	row_fill(&row, &key.key, &s, now);
	if (s.word & STATE_COUNTED) {
		key.born = s.born;
		row_counters(&row, &key, s.word);
	}
	visit_write(v, &row, sizeof(row));
}

VISITOR(list_states, list_state, struct state_key, struct state)

#endif
