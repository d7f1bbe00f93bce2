/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of most frames: TCP and UDP of a connection to which both ends have agreed, judged
 * under the policy of now, between two MACs whose way is remembered. It asks what the walk of judge.h
 * would ask of such a frame, by the same functions, and leaves out what could say nothing new:
 *
 *   - a way is kept of frames that were accepted only, so MACs of a way are no martians, reserved for
 *     nothing and learned (ways.h);
 *   - a state is settled after frames of both ends were accepted only, here or where it was told from, so
 *     its addresses are no martians;
 *   - it was judged in this very epoch, so the matrix has nothing to add.
 *
 * Nothing is written before all is known but scratch; what is not plain in any way goes the whole walk.
 */
#ifndef BW_EXPRESS_H
#define BW_EXPRESS_H

#include <linux/if_ether.h>
#include "judge.h"
#include "parse.h"

enum express_result {
	EXPRESS_NOT = -1,	/* otherwise the number of the port that it leaves by */
};

enum express_ip {
	PLAIN_V4 = 0x45,	/* version, and a header without options */
	EITHER_FRAGMENT = 0x3fff,
};

/* Whether this node, the port and the policy of now let plain frames on; by which epoch. */
static __always_inline int express_enters(struct walk *w, struct port *p, __u64 *epoch)
{
	__u32 zero = 0, slot;
	__u64 *word = bpf_map_lookup_elem(&cell, &zero), value;
	struct generation *g;

	if (!word || is_standby() || p->state != PORT_FORWARDING)
		return 0;
	if ((__s64)(mirror_word(MIRROR_UNTIL) - w->now) <= 0)
		return 0;
	value = *(volatile __u64 *)word;
	if ((__u16)(value >> 16) & CELL_UNCONFIRMED)
		return 0;
	slot = (__u16)value;
	g = bpf_map_lookup_elem(&generations, &slot);
	*epoch = value >> 32;
	return g && (g->flags & (GENERATION_POLICY | GENERATION_BOUND)) == GENERATION_POLICY;
}

/* MACs and at most one tag. Returns the ethertype, in network order; 0: not this frame. */
static __always_inline __be16 express_link(struct frame *f, struct cursor *c, __u16 tpid, __u16 tci)
{
	struct ethhdr *eth = cursor_at(c, sizeof(*eth) + 4);
	__be16 type, *tag;

	if (!eth)
		return 0;
	scratch_macs(f, eth);
	if (tpid)
		f->tag[0] = tag_of(tpid, tci);
	type = *(__be16 *)&eth->h_proto;
	cursor_skip(c, sizeof(*eth));
	if (type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6))
		return type;
	if (tpid || !is_tag(bpf_ntohs(type)))
		return 0;
	tag = (void *)(eth + 1);
	f->tag[0] = tag_of(bpf_ntohs(type), bpf_ntohs(tag[0]));
	type = tag[1];
	cursor_skip(c, 4);
	return type;
}

static __always_inline int express_v4(struct walk *w, struct cursor *c, __u8 *proto)
{
	struct iphdr *ip = cursor_at(c, sizeof(*ip));
	struct state_key *key = &w->key;
	__u32 total, high;

	if (!ip || *(__u8 *)ip != PLAIN_V4 || ip->frag_off & bpf_htons(EITHER_FRAGMENT))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total > c->left)
		return 0;
	high = bpf_ntohl(ip->saddr) > bpf_ntohl(ip->daddr);
	scratch_v4(&key->low, high ? ip->daddr : ip->saddr);
	scratch_v4(&key->high, high ? ip->saddr : ip->daddr);
	w->from_high = high;
	*proto = ip->protocol;
	c->left = total;
	cursor_skip(c, sizeof(*ip));
	return 1;
}

static __always_inline int express_v6(struct walk *w, struct cursor *c, __u8 *proto)
{
	struct ipv6hdr *ip = cursor_at(c, sizeof(*ip));
	struct state_key *key = &w->key;
	struct address *src, *dst;
	__u32 payload;

	if (!ip || ip->version != 6)
		return 0;
	payload = bpf_ntohs(ip->payload_len);
	if (c->left < sizeof(*ip) || payload > c->left - sizeof(*ip))
		return 0;
	src = (struct address *)&ip->saddr;
	dst = (struct address *)&ip->daddr;
	w->from_high = address_above(src, dst);
	scratch_copy(&key->low, w->from_high ? dst : src);
	scratch_copy(&key->high, w->from_high ? src : dst);
	*proto = ip->nexthdr;
	cursor_skip(c, sizeof(*ip));
	c->left = payload;
	return 1;
}

static __always_inline void express_key(struct walk *w, __be16 *ports, __u8 proto, __u8 family)
{
	struct state_key *key = &w->key;

	key->low_port = ports[!!w->from_high];
	key->high_port = ports[!w->from_high];
	key->tag[0] = w->frame.tag[0];
	key->tag[1] = 0;
	key->proto = proto;
	key->family = family;
	key->pad[0] = 0;
	key->pad[1] = 0;
}

static __always_inline __be16 *express_udp(struct cursor *c)
{
	__be16 *udp = cursor_at(c, 8);
	__u32 length;

	if (!udp || c->left < 8)
		return NULL;
	length = bpf_ntohs(udp[2]);
	return length < 8 || length > c->left ? NULL : udp;
}

/* Data or an acknowledgement, with no option but a timestamp. */
static __always_inline __be16 *express_tcp(struct walk *w, struct cursor *c)
{
	__u8 *tcp = cursor_at(c, 20);
	__u32 header;

	if (!tcp || c->left < 20 || (tcp[13] & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return NULL;
	header = (tcp[12] >> 4) * 4;
	if (header > c->left)
		return NULL;
	if (header != 20) {
		tcp = cursor_at(c, 24);
		if (header != 32 || !tcp || !is_timestamp((__be32 *)(tcp + 20), 12))
			return NULL;
	}
	w->frame.tcp_flags = TCP_ACK;
	read_segment(&w->frame.tcp, tcp, c->left - header);
	return (__be16 *)tcp;
}

/* Reads the frame into the walk: MACs and tags, the key, and what windows ask of a segment. */
static __always_inline int express_parse(struct walk *w, struct cursor *c, __u16 tpid, __u16 tci)
{
	__be16 type = express_link(&w->frame, c, tpid, tci), *ports = NULL;
	__u8 proto = 0, family = 4;

	if (type == bpf_htons(ETH_P_IP)) {
		if (!express_v4(w, c, &proto))
			return 0;
	} else {
		family = 6;
		if (type != bpf_htons(ETH_P_IPV6) || !express_v6(w, c, &proto))
			return 0;
	}
	if (proto == IPPROTO_TCP)
		ports = express_tcp(w, c);
	else if (proto == IPPROTO_UDP)
		ports = express_udp(c);
	if (ports)
		express_key(w, ports, proto, family);
	return !!ports;
}

/* The frame's state, if it is of the plain kind. */
static __always_inline struct state *express_state(struct walk *w, __u64 epoch, __u32 *word)
{
	__u32 tcp = w->key.proto == IPPROTO_TCP, phase = tcp ? PHASE_ESTABLISHED : PHASE_BOTH_WAYS;
	struct state *s = bpf_map_lookup_elem(&established, &w->key);

	if (!s)
		return NULL;
	/* The epoch first: whoever judges a state anew writes it last. */
	if (*(volatile __u32 *)&s->epoch != (__u32)epoch)
		return NULL;
	*word = *(volatile __u32 *)&s->word;
	if ((*word & (STATE_PHASE | STATE_DETOUR | STATE_COUNTED)) != phase)
		return NULL;
	if (from_spoofed(w, *word))
		return NULL;
	return stale(s, w->now) && state_gone(s, &w->key, w->now) ? NULL : s;
}

/* Moves the edges of a segment that fits. 0: it does not, or the whole walk has to say what it is. */
static __always_inline int express_follow(struct walk *w, struct state *s, __u32 word)
{
	struct tcp_look l;

	if (w->key.proto != IPPROTO_TCP)
		return 1;
	if ((word & BOTH_KNOWN) != BOTH_KNOWN)
		return 0;
	look(&l, w, s, word);
	if (tcp_fit(&l))
		return 0;
	tcp_move(w, &l);
	return 1;
}

static __always_inline void express_account(struct walk *w, struct state *s)
{
	w->verdict.flags = 0;
	count_outcome(&w->frame, OUTCOME_RX);
	count_outcome(&w->frame, OUTCOME_FORWARDED);
	count_rule(w, s->rule_out);
	count_rule(w, s->rule_in);
}

/* Judges a frame of one segment that `c` stands at the beginning of. */
static __always_inline int express(struct walk *w, struct port *p, struct cursor *c, __u16 tpid,
				   __u16 tci)
{
	struct frame *f = &w->frame;
	struct state *s;
	struct way *way;
	struct port *to;
	__u32 word, out;
	__u64 epoch;

	w->now = now_jiffies();
	f->port = p->number & (MAX_PORTS - 1);
	f->side = p->side;
	f->segments = 1;
	f->length = c->left + c->hidden;
	f->longest = f->length;
	/* Parsed first: most of what goes the whole way is known by its flags. */
	if (!express_parse(w, c, tpid, tci) || !express_enters(w, p, &epoch) || is_self(f))
		return EXPRESS_NOT;
	way = way_of(w);
	if (!way || !way_holds(way, w))
		return EXPRESS_NOT;
	out = way->to;
	to = bpf_map_lookup_elem(&port_list, &out);
	if (!to || !to->ifindex || out == f->port || judge_way_out(w, to))
		return EXPRESS_NOT;
	s = express_state(w, epoch, &word);
	if (!s || !express_follow(w, s, word))
		return EXPRESS_NOT;
	if (stale(s, w->now))
		s->seen = w->now;
	express_account(w, s);
	return out;
}

#endif
