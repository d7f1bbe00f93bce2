// SPDX-License-Identifier: GPL-2.0
/*
 * The dataplane as one object. Entry points: xdp.h, tc.h, gate.h, detour.h, txfailed.h, expected.h,
 * sweep.h, recount.h, rejudge.h, listing.h, member_change.h, member_walk.h; the walk of a frame:
 * judge.h; the short way of most: express.h; what user space shares: layout.h and reasons.h.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "xdp.h"
#include "tc.h"
#include "gate.h"
#include "txfailed.h"
#include "expected.h"
#include "sweep.h"
#include "recount.h"
#include "session_sweep.h"
#include "rejudge.h"
#include "digest.h"
#include "teach.h"
#include "listing.h"
#include "member_change.h"
#include "member_walk.h"

struct reason_text {
	char name[24];
	char text[104];
};

#define REASON_TEXT(symbol, name_, text_) {.name = name_, .text = text_},

/* Names and explanations, for the control plane to read out of the object. */
const struct reason_text reason_table[REASON_COUNT] SEC(".rodata.reasons") = {
	REASONS(REASON_TEXT)};

/*
 * Puts layouts that no map, or only an inner map, carries into the BTF, for the codecs of the
 * control plane.
 */
struct layouts_exported {
	struct address_key address_key;
	struct address_class address_class;
	struct service_page service_page;
	struct service_class service_class;
	struct matrix_key matrix_key;
	struct matrix_entry matrix_entry;
	struct alternative alternative;
	struct rule_limit rule_limit;
	struct holder_key holder_key;
	struct holder holder;
	enum holder_kind holder_kind;
	enum allowance_of allowance_of;
	struct state_record state_record;
	struct state_row state_row;
	enum row_flags row_flags;
	enum end_field end_field;
	enum filter_end filter_end;
	enum filter_half filter_half;
	struct event event;
	struct session_record session_record;
	enum session_flags session_flags;
	enum session_end session_end;
	struct verdict verdict;
	struct member_key member_key;
	struct member member;
	struct member_change member_change;
	struct member_record member_record;
	struct xdp_meta xdp_meta;
	struct detour detour;
	struct expectation_key expectation_key;
	struct expectation expectation;
	struct master master;
	struct reason_text reason_text;
	enum limits limits;
	enum side side;
	enum reserved_action reserved_action;
	enum port_state port_state;
	enum port_flags port_flags;
	enum mirror_word mirror_word;
	enum service_code service_code;
	enum direction direction;
	enum any_peer any_peer;
	enum class_flags class_flags;
	enum bound_port bound_port;
	enum tagged_length tagged_length;
	enum cell_flags cell_flags;
	enum role_flags role_flags;
	struct probe probe;
	enum probe_wire probe_wire;
	enum probe_flags probe_flags;
	enum change_sizes change_sizes;
	enum change_kind_of change_kind_of;
	struct change change;
	struct change4 change4;
	struct end end;
	struct end4 end4;
	struct child_change child_change;
	struct import_call import_call;
	struct taught taught;
	struct teach_call teach_call;
	enum teach_ports teach_ports;
	enum born_bits born_bits;
	enum matrix_flags matrix_flags;
	enum generation_flags generation_flags;
	enum tag_bits tag_bits;
	enum member_table member_table;
	enum member_part member_part;
	enum member_until member_until;
	enum change_kind change_kind;
	enum change_flags change_flags;
	enum refusal refusal;
	enum sweep_kind sweep_kind;
	enum watch_limits watch_limits;
	enum watch_flags watch_flags;
	enum phase phase;
	enum state_bits state_bits;
	enum tcp_bits tcp_bits;
	enum timeout timeout;
	enum outcome outcome;
	struct visit_call visit_call;
	enum visit_sizes visit_sizes;
	enum visit_table visit_table;
	enum mark_bits mark_bits;
	enum action action;
	enum verdict_flags verdict_flags;
	enum detour_bits detour_bits;
	enum detour_mark detour_mark;
	enum expectation_bits expectation_bits;
	enum event_type event_type;
	enum pass pass;
	enum filter_field filter_field;
	enum handover handover;
	enum reason reason;
	enum icmp_key icmp_key;
};
struct layouts_exported *layouts_exported_pointer;

char LICENSE[] SEC("license") = "GPL";
