/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a frame was dropped: one list for the packet path, the control plane and people.
 *
 * The order is the order of judgement: a frame that could be dropped for two reasons is dropped for
 * the one that stands first. Names are part of the interface (`bwctl counters`, `explain`, logs)
 * and never change; new ones go where the walk meets them. The numbers are not part of the
 * interface: reason_table carries name and explanation in the object itself, and the control plane
 * reads it.
 */
#ifndef BW_REASONS_H
#define BW_REASONS_H

/* REASON(symbol, name, explanation) */
#define REASONS(REASON)                                                                            \
	REASON(NONE, "none", "the frame was not dropped")                                          \
	REASON(MALFORMED_ETH, "malformed-eth", "shorter than an Ethernet header")                  \
	REASON(MALFORMED_VLAN, "malformed-vlan", "VLAN tag cut short, or more than two of them")   \
	REASON(MALFORMED_ARP, "malformed-arp", "ARP that is not Ethernet and IPv4, or cut short")  \
	REASON(MALFORMED_IP, "malformed-ip", "IP header or length that contradicts the frame")     \
	REASON(MALFORMED_EXT, "malformed-ext", "IPv6 extension headers cut short or too many")     \
	REASON(MALFORMED_L4, "malformed-l4", "transport header or length that contradicts IP")     \
	REASON(MARTIAN, "martian", "a source that cannot be, or IP inside another link layer")     \
	REASON(RESERVED, "reserved", "reserved multicast that the node does not forward")          \
	REASON(PROBE_AUTH, "probe-auth", "a probe that is forged, repeated, or not of the other node")   \
	REASON(STANDBY, "standby", "this node is not the active one")                              \
	REASON(NO_POLICY, "no-policy", "no policy was ever applied")                               \
	REASON(STP, "stp", "the port is not forwarding")                                           \
	REASON(SELF, "self", "addressed to the box itself")                                        \
	REASON(ETHERTYPE, "ethertype", "an ethertype that is not listed")                          \
	REASON(RA_GUARD, "ra-guard", "router advertisement that does not come from the uplink")    \
	REASON(ICMP_REDIRECT, "icmp-redirect", "ICMP redirects never cross")                       \
	REASON(OFF_LINK, "off-link", "ND or MLD that by its hop limit or source came from afar")    \
	REASON(ARP_GUARD, "arp-guard", "ARP that claims a host's address from where it is not")    \
	REASON(ND_GUARD, "nd-guard", "ND that claims a host's address from where it is not")       \
	REASON(SPOOFED, "spoofed", "a screened address as source, from where its host is not")     \
	REASON(BAD_FLAGS, "bad-flags", "TCP flags that no honest stack sends")                     \
	REASON(BAD_PHASE, "bad-phase", "TCP segment that does not fit its connection's phase")     \
	REASON(OUT_OF_WINDOW, "out-of-window", "TCP segment outside its connection's window")      \
	REASON(DENIED, "denied", "a deny line matches")                                            \
	REASON(NO_STATE, "no-state", "belongs to no connection and may not open one")              \
	REASON(FRAGMENT, "fragment", "an IP fragment that follows no first one, or one without ports")\
	REASON(FRAGMENT_OVERLAP, "fragment-overlap", "a fragment of a datagram whose fragments overlap")  \
	REASON(NO_OUT, "no-out", "the source is screened and no out rule allows this")             \
	REASON(NO_IN, "no-in", "the destination is screened and no in rule allows this")           \
	REASON(NOT_SCREENED, "not-screened", "neither end is screened and no transit line allows") \
	REASON(RATE, "rate", "over the rate of its rule, of its source or of its host")            \
	REASON(LIMIT, "limit", "its source or its host holds as many connections as it may")       \
	REASON(TABLE_FULL, "table-full", "no room for another connection")                         \
	REASON(SAME_PORT, "same-port", "the destination is behind the port it came from")          \
	REASON(CARRIER, "carrier", "the out port has no carrier")                                  \
	REASON(MTU, "mtu", "longer than the out port's MTU")                                       \
	REASON(NO_DETOUR, "no-detour", "asks for inspection or a helper, and cannot go there")

#define REASON_SYMBOL(symbol, name, text) REASON_##symbol,

enum reason {
	REASONS(REASON_SYMBOL) REASON_COUNT,
};

#endif
