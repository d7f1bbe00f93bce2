/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of dynamic groups and of what changes, walks and lists them. Included by layout.h. */
#ifndef BW_LAYOUT_MEMBERS_H
#define BW_LAYOUT_MEMBERS_H

/*
 * Members of all dynamic groups, exact addresses: slot MEMBERS_NOW of the map `members` holds the
 * table (user space makes one of another size in MEMBERS_NEXT, and then puts it here). One element
 * per address says which groups it is in. The time of one of them is in there, too; for each further
 * group that an address is in for a limited time there is an element of its own.
 */
enum member_table {
	MEMBERS_NOW,
	MEMBERS_NEXT,
	MEMBERS_COUNT,
};

enum member_part {
	MEMBER_ITSELF = 0xffffffff,
};

struct member_key {
	struct address address;
	__u32 part;		/* MEMBER_ITSELF, or the group that the element tells the time of */
};

/*
 * Two words, each written as one, by one writer at a time. An element is never replaced: a packet
 * that has found it reads what is so now.
 */
struct member {
	__u64 groups;		/* low half: those it is in; high half: for a limited time */
	__u64 until;		/* enum member_until */
};

enum member_until {
	UNTIL_GROUP = 0x1f,		/* of `until`: the group that it tells the time of */
	UNTIL_MARK = 0xfffe0,		/* the load that named the address last */
	UNTIL_MARK_SHIFT = 5,
	UNTIL_FRESH = 0x100000,		/* that load put it into its group */
	UNTIL_TIME_SHIFT = 21,		/* jiffies from there on; 0: tells of no group */
};

enum change_kind {
	CHANGE_CHECK,		/* only whether the addresses may be members */
	CHANGE_ADD,
	CHANGE_REMOVE,
};

enum change_flags {
	CHANGE_SCREENED = 1,	/* screened hosts may be members */
	CHANGE_FRESH = 2,	/* what is new is the load's, and goes if that fails */
	CHANGE_KEEP = 4,	/* who is a member stays one as he is */
};

enum refusal {
	REFUSAL_NONE,
	REFUSAL_NEVER,		/* no source of a frame can have this address */
	REFUSAL_SCREENED,
	REFUSAL_GROUP_FULL,
	REFUSAL_TABLE_FULL,
	REFUSAL_MEMORY,
};

/* Context of change_members; the addresses are in `member_batch`. */
struct member_change {
	__u32 kind;		/* enum change_kind */
	__u32 flags;		/* enum change_flags */
	__u32 group;
	__u32 slot;		/* generation whose screened hosts count */
	__u32 width;		/* bytes of an address in `member_batch`: 4 or 16; 20: struct member_record */
	__u32 count;		/* addresses in `member_batch` */
	__u32 max;		/* members that the group may have */
	__u32 mark;		/* of the load; 0: none. Then `max` holds for those marked */
	__u64 until;		/* jiffies; 0: for good. Of records each has its own */
	__u32 marked;		/* goes up by those that the mark is new for */
	__u32 done;		/* answer: addresses that were dealt with before a refusal */
	__u32 changed;		/* answer: members that are new, or gone */
	__u32 refusal;		/* answer: enum refusal, of address number `done` */
};

enum sweep_kind {
	SWEEP_EXPIRED,		/* out of groups whose time is over */
	SWEEP_GROUPS,		/* out of `groups` */
	SWEEP_UNMARKED,		/* out of `groups`, unless the load `mark` named them */
	SWEEP_FRESH,		/* out of `groups` if the load `mark` put them there */
	SWEEP_MARKS,		/* nobody leaves: forget which load named whom */
};

/* Map `member_walk`, one element: what the visits shall do, and what they did. */
struct member_walk {
	__u32 kind;		/* enum sweep_kind */
	__u32 groups;
	__u32 mark;
	__u32 failed;		/* answer: elements that could not be copied */
	__u64 removed;		/* answer */
};

/* Map `member_counts`, one element. */
struct member_counts {
	__u64 next;		/* jiffies: no member's time is over before; all ones: none's ever is */
	__u32 members[MAX_DYNAMIC_GROUPS];	/* those that expired and were not swept included */
	__u32 mark;		/* of the load that began last */
	__u32 pad;
};

/* Map `member_digests`, one element: of each group, see digest_members. */
struct member_digests {
	__u64 of[MAX_DYNAMIC_GROUPS];
};

/* What dump_members writes: members of one group. */
struct member_record {
	struct address address;
	__be32 left;		/* seconds; 0: for good */
};

#endif
