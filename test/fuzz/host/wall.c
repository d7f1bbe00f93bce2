// SPDX-License-Identifier: GPL-2.0
/*
 * The programs themselves, and what must hold for every frame that they judge:
 *   - XDP and tc parse it alike, and tc alike however much of it is linear (law 7);
 *   - explain says what then happens, and changes nothing.
 * What it does to memory is the sanitizers' business, whether the kernel's build of it does the same
 * is the replay's (../replay.ts).
 */
#define clock clock_map		/* the C library has one, too */
#include "../../../bpf/xdp.h"
#include "../../../bpf/tc.h"
#undef clock

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "frame.h"
#include "wall.h"
#include "world.h"

static __u64 since_now;		/* jiffies that were added to the clock of this wall */

static void set_constant(const volatile void *constant, const void *value, size_t size)
{
	unsigned long page = sysconf(_SC_PAGESIZE), at = (unsigned long)constant & ~(page - 1);

	/* The compiler would leave out what it knows to write into a constant. */
	asm volatile("" : "+r"(constant));
	if (mprotect((void *)at, 2 * page, PROT_READ | PROT_WRITE)) {
		perror("read-only switches");
		exit(1);
	}
	memcpy((void *)constant, value, size);
}

void wall_prepare(void)
{
	__u32 jiffies = world_hz();
	__u8 on = 1;

	set_constant(&hz, &jiffies, sizeof(jiffies));
	set_constant(&test_clock, &on, sizeof(on));
}

void wall_begin(void)
{
	since_now = 0;
}

void wall_set_clock(__u64 since)
{
	__u32 zero = 0;
	__u64 *jiffies = bpf_map_lookup_elem(&clock_map, &zero);

	*jiffies += since - since_now;
	since_now = since;
}

void wall_rejudge(void)
{
	__u32 zero = 0;
	struct cell *c = bpf_map_lookup_elem(&cell, &zero);

	c->epoch += 2;
}

/* ---- contexts ------------------------------------------------------------------------------- */

static __u32 ifindex_at(const struct arrival *a)
{
	__u32 number = a->port;
	struct port *p = bpf_map_lookup_elem(&port_list, &number);

	return p->ifindex;
}

static void violated(const char *what)
{
	fprintf(stderr, "violated: %s\n", what);
	abort();
}

enum wire_tag {
	TAG_AT = 12,
	TAG_BYTES = 4,
	TAGGED_LEAST = TAG_AT + TAG_BYTES + 2,
};

static bool is_wire_tag(const __u8 *type)
{
	__u16 tpid = type[0] << 8 | type[1];

	return tpid == ETH_P_8021Q || tpid == ETH_P_8021AD;
}

static bool tag_comes_off(const struct arrival *a)
{
	return a->length >= TAGGED_LEAST && is_wire_tag(a->bytes + TAG_AT);
}

bool wall_tc_takes(const struct arrival *a)
{
	return !tag_comes_off(a) || !is_wire_tag(a->bytes + TAG_AT + TAG_BYTES) ||
	       a->length >= TAGGED_LEAST + TAG_BYTES;
}

/* As it comes from a driver: the outer tag is not among its bytes. */
static void put_skb(struct __sk_buff *skb, const struct arrival *a, __u32 linear)
{
	static __u8 untagged[FRAME_LONGEST];

	if (!tag_comes_off(a)) {
		frame_put(a->bytes, a->length, linear);
		frame_skb(skb, ifindex_at(a));
	} else {
		memcpy(untagged, a->bytes, TAG_AT);
		memcpy(untagged + TAG_AT, a->bytes + TAG_AT + TAG_BYTES,
		       a->length - TAG_AT - TAG_BYTES);
		frame_put(untagged, a->length - TAG_BYTES, linear);
		frame_skb(skb, ifindex_at(a));
		skb->vlan_present = 1;
		skb->vlan_proto = *(__u16 *)(a->bytes + TAG_AT);
		skb->vlan_tci = bpf_ntohs(*(__u16 *)(a->bytes + TAG_AT + 2));
	}
	skb->gso_segs = a->segments;
	skb->gso_size = a->segment_size;
}

/* `linear` bytes of it lie in the first buffer. */
static void put_xdp(struct xdp_md *ctx, const struct arrival *a, __u32 linear)
{
	frame_put(a->bytes, a->length, linear);
	frame_xdp(ctx, ifindex_at(a));
}

/* ---- what must hold ------------------------------------------------------------------------- */

struct parsed {
	int reason;
	struct frame frame;
	struct frame quote;
	__u32 quoted_seq;
};

static void keep_parsed(struct parsed *to, int reason)
{
	struct walk *w = walk_here(WALK_PACKET);

	to->reason = reason;
	memcpy(&to->frame, &w->frame, sizeof(to->frame));
	/* Positions among the bytes: a tag that was taken off is not there. */
	to->frame.fragment_before = 0;
	to->frame.tcp.options_at = 0;
	/* What could not be seen to be a timestamp was read like other options. */
	to->frame.tcp.options = 0;
	to->frame.flags &= ~FRAME_TCP_OPTIONS;
	if (!(to->frame.flags & FRAME_UPPER))
		to->frame.headers = 0;
	memset(&to->quote, 0, sizeof(to->quote));
	if (!(w->frame.flags & FRAME_QUOTE))
		return;
	to->quote.src = w->quote.src;
	to->quote.dst = w->quote.dst;
	to->quote.proto = w->quote.proto;
	to->quote.flags = w->quote.flags;
	if (w->quote.flags & FRAME_PORTS) {
		to->quote.sport = w->quote.sport;
		to->quote.dport = w->quote.dport;
		to->quoted_seq = w->quoted_seq;
	}
}

static struct walk *begin(const struct arrival *a)
{
	if (walk_from(ifindex_at(a), WALK_PACKET))
		violated("a port that is there is found");
	return walk_here(WALK_PACKET);
}

static void parse_by_xdp(const struct arrival *a, __u32 linear, struct parsed *to)
{
	struct xdp_md ctx;

	begin(a);
	put_xdp(&ctx, a, linear);
	keep_parsed(to, parse_xdp(&ctx, WALK_PACKET));
}

static void parse_by_tc(const struct arrival *a, __u32 linear, struct parsed *to)
{
	struct walk *w = begin(a);
	struct __sk_buff skb;
	int reason;

	put_skb(&skb, a, linear);
	skb.gso_segs = 0;
	skb.gso_size = 0;
	reason = parse_linear(&skb, &w->frame);
	measure(&skb, &w->frame);
	keep_parsed(to, reason);
}

static void print_parsed(const char *how, const struct parsed *p)
{
	fprintf(stderr, "%s: reason %d, flags %#x, upper at %u\n", how, p->reason, p->frame.flags,
		p->frame.upper);
}

static bool parsed_alike(const struct parsed *a, const struct parsed *b)
{
	if (a->reason || b->reason)
		return a->reason == b->reason;
	return !memcmp(&a->frame, &b->frame, sizeof(a->frame)) &&
	       !memcmp(&a->quote, &b->quote, sizeof(a->quote)) && a->quoted_seq == b->quoted_seq;
}

static void check_parsers(const struct arrival *a)
{
	static struct parsed xdp, pieces, tc, sparse;

	memset(&xdp, 0, sizeof(xdp));
	memset(&pieces, 0, sizeof(pieces));
	memset(&tc, 0, sizeof(tc));
	memset(&sparse, 0, sizeof(sparse));
	if (!wall_tc_takes(a))
		return;
	parse_by_xdp(a, a->length, &xdp);
	parse_by_tc(a, a->length, &tc);
	if (!parsed_alike(&xdp, &tc)) {
		print_parsed("xdp", &xdp);
		print_parsed("tc", &tc);
		violated("XDP and tc parse a frame alike");
	}
	/* What a driver hands over has at least its Ethernet header linear. */
	parse_by_xdp(a, a->linear, &pieces);
	if (!parsed_alike(&xdp, &pieces)) {
		print_parsed("one buffer", &xdp);
		print_parsed("several", &pieces);
		violated("XDP parses a frame alike in however many buffers it lies");
	}
	parse_by_tc(a, a->linear, &sparse);
	if (!parsed_alike(&tc, &sparse)) {
		print_parsed("all linear", &tc);
		print_parsed("sparse", &sparse);
		violated("a frame is parsed alike however much of it is linear");
	}
}

/* Explains, where the frame has room for the answer. */
static bool explained(const struct arrival *a, struct verdict *to)
{
	__u64 before = map_changes;
	struct xdp_md ctx;
	int ret;

	if (a->length < sizeof(*to))
		return false;
	put_xdp(&ctx, a, a->length);
	ret = explain_wall(&ctx);
	if (map_changes != before)
		violated("explain changes nothing");
	memcpy(to, (void *)(unsigned long)ctx.data, sizeof(*to));
	return ret == XDP_PASS;
}

/* What stands in the walk's verdict when a frame came by the short way, which writes none: it forwards. The replay
 * knows it, too. */
enum short_way_verdict {
	NO_VERDICT = 0xff,
};

static void check_explained(const struct arrival *a, const struct verdict *said)
{
	const struct verdict short_way = {.action = ACTION_FORWARD};
	const struct verdict *v = &walk_here(WALK_PACKET)->verdict;

	if (v->action == NO_VERDICT)
		v = &short_way;
	/* To its own sender: what explain does not learn, it does not find. */
	if (v->reason == REASON_TABLE_FULL || !memcmp(a->bytes, a->bytes + 6, 6))
		return;
	if (said->action != v->action || said->reason != v->reason)
		violated("explain says what then happens");
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static void check_unchanged(const __u8 *now, const __u8 *before, __u32 length)
{
	if (memcmp(now, before, length))
		violated("the bytes of a frame stay as they are");
}

static struct judged by_tc(const struct arrival *a)
{
	struct judged j = {.by = 1};
	struct __sk_buff skb;

	put_skb(&skb, a, a->length);
	j.retval = tc_wall(&skb);
	j.mark = j.retval == TC_ACT_OK ? skb.mark : 0;
	return j;
}

/* The tc program finds what XDP said before the frame, and says no more than that. */
static void check_meta(const struct arrival *a, struct xdp_md *ctx, __u32 mark)
{
	struct __sk_buff skb;

	frame_skb(&skb, ifindex_at(a));
	skb.data_meta = ctx->data_meta;
	if (tc_wall(&skb) != TC_ACT_OK || skb.mark != mark)
		violated("tc carries out what XDP has judged");
}

static struct judged by_xdp(const struct arrival *a)
{
	struct judged j = {};
	struct xdp_meta *meta;
	struct xdp_md ctx;

	put_xdp(&ctx, a, a->length);
	j.retval = xdp_wall(&ctx);
	check_unchanged((void *)(unsigned long)ctx.data, a->bytes, a->length);
	if (j.retval != XDP_PASS)
		return j;
	if (ctx.data_meta == ctx.data)
		return by_tc(a);
	meta = (void *)(unsigned long)ctx.data_meta;
	j.mark = meta->mark;
	check_meta(a, &ctx, j.mark);
	return j;
}

struct judged wall_judge(const struct arrival *a)
{
	struct verdict said;
	struct judged j;
	bool asked;

	check_parsers(a);
	asked = explained(a, &said);
	walk_here(WALK_PACKET)->verdict.action = NO_VERDICT;
	j = a->tc ? by_tc(a) : by_xdp(a);
	if (asked)
		check_explained(a, &said);
	return j;
}

/* ---- for the replay ------------------------------------------------------------------------- */

void wall_write_layout(FILE *file)
{
	__u32 layout[] = {
		sizeof(struct walk),
		offsetof(struct walk, frame),
		sizeof(struct frame),
		offsetof(struct walk, quote),
		offsetof(struct walk, verdict),
		sizeof(struct verdict),
	};

	fwrite(layout, sizeof(layout), 1, file);
}

void wall_write_walk(FILE *file)
{
	fwrite(walk_here(WALK_PACKET), sizeof(struct walk), 1, file);
}
