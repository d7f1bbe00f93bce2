/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of what counts dropped frames by source (watch.h). Included by layout.h. */
#ifndef BW_LAYOUT_WATCH_H
#define BW_LAYOUT_WATCH_H

enum watch_limits {
	MAX_WATCHES = 8,		/* `onDrop`s of one policy */
	WATCH_SOURCES = 32768,		/* sources that are counted, and those that are proven */
	WATCH_EVENTS = 256,		/* crossings that may be told in a second */
	PROOF_SECONDS = 3600,		/* a handshake speaks for its sender for so long */
};

enum watch_flags {
	WATCH_SPOOFABLE = 1,	/* nobody has to prove his address */
	WATCH_SCREENED = 2,	/* the group may hold screened hosts */
	WATCH_UPLINK = 4,	/* drops of frames from that side count */
	WATCH_INSIDE = 8,
};

/* One `onDrop`. */
struct watch {
	__u64 reasons;		/* bit: enum reason */
	__u64 lines;		/* of what is denied: deny lines that count */
	__u64 exempt;		/* the source is spared if its class has one of these in deny_from */
	__u64 window;		/* jiffies */
	__u32 exempt_groups;	/* ... or if it is in one of these dynamic groups */
	__u32 group;		/* dynamic group that it shall go into */
	__u32 after;		/* with this many drops in a window */
	__u32 flags;		/* enum watch_flags */
};

/* Map `watches`, by slot of its generation. */
struct watches {
	__u32 count;
	__u32 pad;
	struct watch watch[MAX_WATCHES];
};

struct offender_key {
	struct address address;
	__u32 watch;
};

/* Map `offenders` (LRU): drops of one source since the window began. */
struct offender {
	__u64 begun;
	__u32 drops;
	__u32 generation;	/* number: another one begins to count anew */
	__u32 told;		/* 1: user space has heard of it */
	__u32 pad;
};

/*
 * Map `proofs` (LRU): sources that completed a TCP handshake, and the way by which they came. Values are
 * only ever replaced whole.
 */
struct proof {
	__u64 seen;
	__u64 spoilt;		/* a frame of that source came another way then; 0: none did */
	__u8 mac[6];
	__u8 port;
	__u8 hop_limit;
	__u16 tag[2];
	__u32 pad;
};

#endif
