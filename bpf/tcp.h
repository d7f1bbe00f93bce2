/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP phases by flags. Phases and what they mean are nf_conntrack's (nf_conntrack_proto_tcp.c), so
 * that operators find what they know; RFC 9293 3.3.2 gives the machine behind them.
 */
#ifndef BW_TCP_H
#define BW_TCP_H

#include "frame.h"
#include "protocols.h"

enum tcp_step {
	STEP_INVALID = 0x100,	/* does not fit: drop, change nothing */
	STEP_IGNORE = 0x101,	/* let it through, change nothing */
	STEP_NEW = 0x102,	/* opens a new connection over a closed one */
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

static __always_inline __u32 tcp_on_syn(__u32 phase, int reply)
{
	switch (phase) {
	case PHASE_SYN_SENT:
		return reply ? PHASE_SYN_SENT2 : PHASE_SYN_SENT;
	case PHASE_SYN_SENT2:
		return PHASE_SYN_SENT2;
	case PHASE_TIME_WAIT:
	case PHASE_CLOSE:
		return STEP_NEW;
	}
	/* RFC 9293 3.10.7.4: the peer answers a stray SYN itself; only its opener may repeat it. */
	return reply ? STEP_INVALID : STEP_IGNORE;
}

static __always_inline __u32 tcp_on_syn_ack(__u32 phase, int reply)
{
	switch (phase) {
	case PHASE_SYN_SENT:
		return reply ? PHASE_SYN_RECV : STEP_INVALID;
	case PHASE_SYN_RECV:
	case PHASE_SYN_SENT2:
		return PHASE_SYN_RECV;
	}
	return STEP_IGNORE;
}

static __always_inline __u32 tcp_on_fin(__u32 phase)
{
	switch (phase) {
	case PHASE_SYN_RECV:
	case PHASE_ESTABLISHED:
		return PHASE_FIN_WAIT;
	case PHASE_FIN_WAIT:
	case PHASE_CLOSE_WAIT:
	case PHASE_LAST_ACK:
		return PHASE_LAST_ACK;
	case PHASE_TIME_WAIT:
	case PHASE_CLOSE:
		return phase;
	}
	return STEP_INVALID;
}

static __always_inline __u32 tcp_on_ack(__u32 phase, int reply)
{
	switch (phase) {
	case PHASE_SYN_SENT:
	case PHASE_SYN_SENT2:
		return reply ? STEP_IGNORE : STEP_INVALID;
	case PHASE_SYN_RECV:
		return reply ? PHASE_SYN_RECV : PHASE_ESTABLISHED;
	case PHASE_FIN_WAIT:
		return PHASE_CLOSE_WAIT;
	case PHASE_LAST_ACK:
		return PHASE_TIME_WAIT;
	}
	return phase;
}

/* The phase after a segment with these flags, or an enum tcp_step. */
static __always_inline __u32 tcp_step(__u32 phase, __u8 flags, int reply)
{
	if (flags & TCP_RST)
		return PHASE_CLOSE;
	if (flags & TCP_SYN)
		return flags & TCP_ACK ? tcp_on_syn_ack(phase, reply) : tcp_on_syn(phase, reply);
	return flags & TCP_FIN ? tcp_on_fin(phase) : tcp_on_ack(phase, reply);
}

#endif
