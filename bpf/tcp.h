/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP phases. Their names and what they mean are nf_conntrack's (nf_conntrack_proto_tcp.c), so that
 * operators find what they know; RFC 9293 3.3.2 gives the machine behind them. Where a
 * segment leads, by its flags and numbers, is tcp_follow.h's subject.
 */
#ifndef BW_TCP_H
#define BW_TCP_H

#include "frame.h"
#include "protocols.h"

enum tcp_step {
	STEP_INVALID = 0x100,	/* does not fit the phase: drop, change nothing */
	STEP_OUT,		/* out of window: drop, change nothing */
	STEP_IGNORE,		/* let it through, change nothing */
	STEP_NEW,		/* opens a new connection over a closed one */
	STEP_LOST = 0x200,	/* beside the others: try again */
};

/* Flags that no honest stack sends: scans and worse. */
static __always_inline int tcp_bad_flags(__u8 flags)
{
	switch (flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) {
	case TCP_SYN:
	case TCP_SYN | TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_ACK:
		return 0;
	}
	return 1;
}

static __always_inline int tcp_opens(__u8 flags)
{
	return (flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_SYN;
}

/* Nobody has completed the handshake yet. */
static __always_inline int phase_opening(__u32 phase)
{
	return phase == PHASE_SYN_SENT || phase == PHASE_SYN_SENT2 || phase == PHASE_SYN_RECV;
}

#endif
