/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 1 of the walk: the bytes of a frame into struct frame, once. What cannot be parsed is
 * dropped under its own reason. Only lengths and structure are judged here; addresses that cannot
 * be are martian.h's.
 */
#ifndef BW_PARSE_H
#define BW_PARSE_H

#include <linux/if_ether.h>
#include "cursor.h"
#include "parse_ip.h"

static __always_inline int is_tag(__u16 ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100;
}

/* Priority tags (VLAN id 0) say nothing about membership: they count as untagged. */
static __always_inline __u16 tag_of(__u16 tpid, __u16 tci)
{
	__u16 vid = tci & TAG_VID;

	return vid && tpid == 0x88a8 ? vid | TAG_SERVICE : vid;
}

static __always_inline int parse_arp(struct frame *f, struct cursor *c)
{
	struct {
		__be16 htype, ptype;
		__u8 hlen, plen;
		__be16 op;
		__u8 sender_mac[6];
		__be32 sender;
		__u8 rest[10];
	} __attribute__((packed)) *arp = cursor_at(c, 28);

	if (!arp || arp->htype != bpf_htons(1) || arp->ptype != bpf_htons(ETH_P_IP) ||
	    arp->hlen != 6 || arp->plen != 4)
		return REASON_MALFORMED_ARP;
	if (arp->op != bpf_htons(1) && arp->op != bpf_htons(2))
		return REASON_MALFORMED_ARP;
	if (arp->sender_mac[0] & 1)
		f->flags |= FRAME_ARP_GROUP_SENDER;
	f->flags |= FRAME_CLAIM;
	f->claim.named = 1;
	address_from_v4(&f->claim.address, arp->sender);
	__builtin_memcpy(f->claim.mac, arp->sender_mac, 6);
	return 0;
}

enum llc {
	LLC_BPDU = 0x42,
	LLC_SNAP = 0xaa,
	LLC_UI = 3,
};

/* IEEE 802.1D 9.3: a notification of four bytes, or a BPDU of more with flags after its type. */
enum bpdu {
	BPDU_TYPE_AT = 6,	/* from the start of the LLC header */
	BPDU_FLAGS_AT = 7,
	BPDU_NOTIFICATION = 0x80,
	BPDU_FLAG_CHANGE = 1,
};

static __always_inline int parse_bpdu(struct frame *f, struct cursor *c, __u8 *llc)
{
	f->flags |= FRAME_BPDU;
	if (llc[BPDU_TYPE_AT] == BPDU_NOTIFICATION) {
		f->flags |= FRAME_TOPOLOGY_CHANGE;
		return 0;
	}
	llc = cursor_at(c, BPDU_FLAGS_AT + 1);
	if (!llc)
		return c->left <= BPDU_FLAGS_AT ? 0 : REASON_MALFORMED_ETH;
	if (llc[BPDU_FLAGS_AT] & BPDU_FLAG_CHANGE)
		f->flags |= FRAME_TOPOLOGY_CHANGE;
	return 0;
}

/* 802.3: IP has no business in there, and filters that look at ethertypes miss it. */
static __always_inline int parse_llc(struct frame *f, struct cursor *c)
{
	__u8 *llc = cursor_at(c, 7);
	__u16 pid;

	/* There but out of reach: tc pulls it in, and parses again. */
	if (!llc)
		return c->left < 7 ? 0 : REASON_MALFORMED_ETH;
	if (llc[0] == LLC_BPDU && llc[1] == LLC_BPDU && llc[2] == LLC_UI)
		return parse_bpdu(f, c, llc);
	if (llc[0] != LLC_SNAP || llc[1] != LLC_SNAP || llc[2] != LLC_UI)
		return 0;
	llc = cursor_at(c, 8);
	if (!llc)
		return c->left < 8 ? 0 : REASON_MALFORMED_ETH;
	if (llc[3] || llc[4] || (llc[5] != 0 && llc[5] != 0xf8))
		return 0;
	pid = llc[6] << 8 | llc[7];
	if (pid == ETH_P_IP || pid == ETH_P_IPV6 || pid == ETH_P_ARP)
		f->flags |= FRAME_WRAPPED_IP;
	return 0;
}

/*
 * Parses a frame of `left` bytes at data; the hardware may have taken off one tag, given in
 * `tpid` and `tci` (tpid 0: none). `copied`: data is the copy in the walk. Returns a reason, 0: parsed.
 */
static __always_inline int parse(struct frame *f, void *data, void *end, __u32 left, __u16 tpid,
				 __u16 tci, int copied)
{
	struct cursor c = {.data = data, .end = end, .left = left, .hidden = tpid ? 4 : 0,
			   .copied = copied};
	struct ethhdr *eth = cursor_at(&c, sizeof(*eth));
	__u32 tags = 0, i;
	__u16 type;

	if (!eth)
		return REASON_MALFORMED_ETH;
	scratch_macs(f, eth);
	type = bpf_ntohs(eth->h_proto);
	cursor_skip(&c, sizeof(*eth));
	if (tpid)
		f->tag[tags++] = tag_of(tpid, tci);

	for (i = 0; i < MAX_TAGS + 1; i++) {
		__be16 *tag;

		if (!is_tag(type))
			break;
		tag = cursor_at(&c, 4);
		if (tags == MAX_TAGS || !tag)
			return REASON_MALFORMED_VLAN;
		if (tags == 0)
			f->tag[0] = tag_of(type, bpf_ntohs(tag[0]));
		else
			f->tag[1] = tag_of(type, bpf_ntohs(tag[0]));
		tags++;
		type = bpf_ntohs(tag[1]);
		cursor_skip(&c, 4);
	}

	f->ethertype = type;
	cursor_forget(&c, f);
	if (type == ETH_P_IP)
		return parse_ipv4(f, &c);
	if (type == ETH_P_IPV6)
		return parse_ipv6(f, &c);
	if (type == ETH_P_ARP)
		return parse_arp(f, &c);
	if (type == ETH_P_PROBE && !tags)
		f->flags |= FRAME_PROBE;
	return type < 0x600 ? parse_llc(f, &c) : 0;
}

#endif
