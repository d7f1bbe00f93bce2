/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP options that window tracking needs: window scale (RFC 7323 2.2) and SACK-permitted of a SYN,
 * SACK blocks (RFC 2018) of all. A list that is cut short or lies about a length is read up
 * to there, as stacks do. What is merely a timestamp never gets here (parse_transport.h).
 *
 * The options are copied into the scratch of the walk first, so that they need not be linear and the
 * verifier need not follow a pointer. Positions and results live in memory, too: held in registers,
 * each of the forty steps would look to the verifier like another program.
 */
#ifndef BW_TCP_OPTIONS_H
#define BW_TCP_OPTIONS_H

#include "frame.h"
#include "tcp.h"

enum tcp_option {
	OPTION_END,
	OPTION_NOP,
	OPTION_SCALE = 3,
	OPTION_SACK_PERMITTED,
	OPTION_SACK,
};

enum tcp_option_limits {
	MAX_SCALE = 14,
	MAX_SACK_BLOCKS = 4,
};

static __always_inline __u8 option_byte(struct walk *w, __u32 at)
{
	return w->options[at & 63];
}

/* The right edge of every block, if it is beyond what the segment acknowledges anyway: how far is
 * counted from there, so that no chain of blocks leads around the circle. Global: verified once, not for
 * every place that an option may stand in. */
__noinline int read_sack(__u32 walk_kind, __u32 at, __u32 size)
{
	struct walk *w = walk_here(walk_kind);
	__u32 i, edge, ack;

	if (!w)
		return 0;
	ack = w->frame.tcp.ack;
	for (i = 0; i < MAX_SACK_BLOCKS; i++) {
		if (size < 10 + 8 * i)
			return 0;
		__builtin_memcpy(&edge, &w->options[(at + 6 + 8 * i) & 63], sizeof(edge));
		edge = bpf_ntohl(edge);
		if ((__s32)(edge - ack) > 0 &&
		    edge - ack > *(volatile __u32 *)&w->frame.tcp.sack - ack)
			*(volatile __u32 *)&w->frame.tcp.sack = edge;
	}
	return 0;
}

static __always_inline void read_option(struct walk *w, __u32 walk_kind, __u32 at, __u8 kind,
					__u32 size)
{
	struct segment *tcp = &w->frame.tcp;
	__u32 shift;

	if (kind == OPTION_SACK && (size & 7) == 2) {
		read_sack(walk_kind, at, size);
	} else if (!(w->frame.tcp_flags & TCP_SYN)) {
		return;
	} else if (kind == OPTION_SCALE && size == 3) {
		shift = option_byte(w, at + 2);
		shift = shift > MAX_SCALE ? MAX_SCALE : shift;
		tcp->bits = (tcp->bits & TCP_SACK) | (MAX_SCALE - shift);
	} else if (kind == OPTION_SACK_PERMITTED && size == 2) {
		tcp->bits |= TCP_SACK;
	}
}

/* Reads w->options, w->frame.tcp.options bytes of them. */
__noinline int read_options(__u32 walk_kind)
{
	struct walk *w = walk_here(walk_kind);
	__u32 i, at, size, bytes;
	__u8 kind;

	if (!w)
		return 0;
	bytes = w->frame.tcp.options;
	*(volatile __u32 *)&w->option_at = 0;
	for (i = 0; i < TCP_OPTION_BYTES; i++) {
		at = *(volatile __u32 *)&w->option_at;
		if (at >= bytes)
			return 0;
		kind = option_byte(w, at);
		if (kind == OPTION_END)
			return 0;
		size = 1;
		if (kind != OPTION_NOP) {
			size = option_byte(w, at + 1);
			if (size < 2 || at + size > bytes)
				return 0;
			read_option(w, walk_kind, at, kind, size);
		}
		*(volatile __u32 *)&w->option_at = at + size;
	}
	return 0;
}

/*
 * A SYN's, before what they say is used. Most SYNs that come in numbers are refused, for which nobody needs to know:
 * reading options took a tenth of what such a frame cost.
 */
static __always_inline void read_syn_options(struct walk *w)
{
	if (!(w->frame.flags & FRAME_TCP_OPTIONS))
		return;
	w->frame.flags &= ~FRAME_TCP_OPTIONS;
	read_options(w->kind);
}

static __always_inline int options_copied(struct walk *w, __u32 kind, long err)
{
	if (!err && tcp_opens(w->frame.tcp_flags))
		return 0;
	w->frame.flags &= ~FRAME_TCP_OPTIONS;
	return err ? 0 : read_options(kind);
}

/* Bytes of options to copy; 0: none. The verifier needs a least value, too: options are whole words. */
static __always_inline __u32 option_bytes(struct walk *w)
{
	__u32 bytes = w->frame.tcp.options;

	if (bytes > TCP_OPTION_BYTES)
		return 0;
	KEEP_APART(bytes);
	return bytes < 4 ? 0 : bytes;
}

__noinline int read_options_xdp(struct xdp_md *ctx, __u32 kind)
{
	struct walk *w = walk_here(kind);
	__u32 bytes;

	if (!w)
		return 0;
	bytes = option_bytes(w);
	return options_copied(w, kind, !bytes || bpf_xdp_load_bytes(ctx, w->frame.tcp.options_at,
								    w->options, bytes));
}

__noinline int read_options_skb(struct __sk_buff *skb)
{
	struct walk *w = walk_here(WALK_PACKET);
	__u32 bytes;

	if (!w)
		return 0;
	bytes = option_bytes(w);
	return options_copied(w, WALK_PACKET,
			      !bytes || bpf_skb_load_bytes(skb, w->frame.tcp.options_at,
							   w->options, bytes));
}

#endif
