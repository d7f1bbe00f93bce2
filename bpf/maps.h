/* SPDX-License-Identifier: GPL-2.0 */
/* Every map, and the read-only switches that are set before the object is loaded. */
#ifndef BW_MAPS_H
#define BW_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "layout.h"

const volatile __u32 hz = 250;		/* jiffies per second of this kernel */
const volatile __u8 test_clock = 0;	/* tests only: take the time from `clock` */

/*
 * What xdp_wall says to tc_wall travels with the frame, and goes on with it: over a veth it arrives
 * at the next wall, if there is one. A random number tells which wall said it.
 */
const volatile __u32 meta_secret = 0x62776d31;

#define ARRAY_MAP(name_, entries, value_type)                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

/* User space has it in its memory as well. */
#define SHARED_MAP(name_, entries, value_type)                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

#define HASH_MAP(name_, map_type, map_flags_, entries, key_type, value_type)                       \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(map_flags, map_flags_);                                                     \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

#define PERCPU_MAP(name_, entries, value_type)                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

/* An array of maps, one inner map per generation slot, put there when a policy is staged. */
#define GENERATION_MAPS(name_, inner)                                                              \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, GENERATION_SLOTS);                                             \
		__type(key, __u32);                                                                \
		__array(values, inner);                                                            \
	} name_ SEC(".maps")

/* Ports and the node. */
HASH_MAP(ports, BPF_MAP_TYPE_HASH, 0, MAX_PORTS, __u32, struct port);
ARRAY_MAP(port_list, MAX_PORTS, struct port);
ARRAY_MAP(node, 1, struct node);

SHARED_MAP(mirror, MIRROR_WORDS, __u64);

SHARED_MAP(role, 1, struct role);

SHARED_MAP(pair, 1, struct pair);

SHARED_MAP(heard, 2, struct heard);

ARRAY_MAP(probe_counters, MAX_PORTS, struct probe_counter);

HASH_MAP(self_macs, BPF_MAP_TYPE_HASH, 0, MAX_PORTS * 2, struct mac_key, __u32);
ARRAY_MAP(timeouts, TIMEOUT_COUNT, __u64);
ARRAY_MAP(clock, 1, __u64);

/* A program that takes frames of several buffers shares no such map with one that does not. */
#define DEVICE_MAP(name_)                                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_DEVMAP);                                                 \
		__uint(max_entries, MAX_PORTS);                                                    \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} name_ SEC(".maps")

DEVICE_MAP(tx_ports);
DEVICE_MAP(tx_ports_frags);

/* Policy. */
SHARED_MAP(cell, 1, struct cell);

ARRAY_MAP(generations, GENERATION_SLOTS, struct generation);
ARRAY_MAP(judging_since, 1, __u64);	/* jiffies of the first policy on these tables; 0: none yet */

/*
 * Inner maps by sizes, not by types: 6.1 refuses to put a map without type information, as user
 * space makes them, where one with it stood model.
 */
struct addresses_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct address_key));
	__uint(value_size, sizeof(struct address_class));
};

struct services_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SERVICE_CODES / SERVICE_PAGE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct service_page));
};

struct service_deny_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_SERVICE_CLASSES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct service_class));
};

struct matrix_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct matrix_key));
	__uint(value_size, sizeof(struct matrix_entry));
};

struct alternatives_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct alternative));
};

struct rule_limits_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct rule_limit));
};

GENERATION_MAPS(addresses, struct addresses_inner);
GENERATION_MAPS(services, struct services_inner);
GENERATION_MAPS(service_deny, struct service_deny_inner);
GENERATION_MAPS(matrix, struct matrix_inner);
GENERATION_MAPS(alternatives, struct alternatives_inner);
GENERATION_MAPS(rule_limits, struct rule_limits_inner);

/* What rates have left (allowance.h): by rule slot, and by source address. */
ARRAY_MAP(rule_allowances, 131072, __u64);
HASH_MAP(source_allowances, BPF_MAP_TYPE_LRU_HASH, 0, 32768, struct address, __u64);

/* Who holds how many established states (holders.h), and the colour of those that are counted now. */
HASH_MAP(holders, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 131072, struct holder_key, struct holder);
ARRAY_MAP(colour, 1, __u32);

/* Dynamic groups. */
struct members_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct member_key));
	__uint(value_size, sizeof(struct member));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MEMBERS_COUNT);
	__type(key, __u32);
	__array(values, struct members_inner);
} members SEC(".maps");

SHARED_MAP(member_batch, MEMBER_BATCH, struct address);

ARRAY_MAP(member_walk, 1, struct member_walk);
ARRAY_MAP(member_counts, 1, struct member_counts);
ARRAY_MAP(member_digests, 1, struct member_digests);

/* Connections. */
HASH_MAP(pending, BPF_MAP_TYPE_LRU_HASH, 0, 65536, struct state_key, struct state);
HASH_MAP(established, BPF_MAP_TYPE_HASH, 0, 262144, struct state_key, struct state);

HASH_MAP(sessions, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 262144 + 65536, struct session_key,
	 struct session);
ARRAY_MAP(session_stats, 1, struct session_stats);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} session_ring SEC(".maps");
/* Connections that helpers expect, and those that came of it. */
ARRAY_MAP(detour, 1, struct detour);
HASH_MAP(expectations, BPF_MAP_TYPE_LRU_HASH, 0, 4096, struct expectation_key, struct expectation);
HASH_MAP(children, BPF_MAP_TYPE_LRU_HASH, 0, 16384, struct state_key, struct master);

/* Learned MACs. */
HASH_MAP(fdb, BPF_MAP_TYPE_HASH, 0, 16384, struct fdb_key, struct fdb_entry);
ARRAY_MAP(fdb_counts, MAX_PORTS, __u32);

SHARED_MAP(fdb_changes, 1, __u64);	/* how often a MAC has moved, or all were forgotten */

/* Counters, logs, events. */
PERCPU_MAP(rule_counters, 131072, struct rule_counter);
PERCPU_MAP(outcomes, MAX_PORTS *OUTCOME_STRIDE, struct outcome_counter);
ARRAY_MAP(log_window, 1, __u64);
PERCPU_MAP(event_losses, 1, __u64);
ARRAY_MAP(sweep_stats, 1, struct sweep_stats);

SHARED_MAP(sweep_due, 1, __u64);

ARRAY_MAP(state_passes, PASS_KINDS, struct state_pass);
HASH_MAP(picked, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 65536, struct address, __u32);

struct event_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 512);
	__type(key, __u32);
	__array(values, struct event_ring);
} events SEC(".maps");

/* Jiffies. ktime costs 30 ns a call, this is one load. */
static __always_inline __u64 now_jiffies(void)
{
	if (test_clock) {
		__u32 zero = 0;
		__u64 *fake = bpf_map_lookup_elem(&clock, &zero);

		return fake ? *(volatile __u64 *)fake : 0;
	}
	return bpf_jiffies64();
}

#endif
