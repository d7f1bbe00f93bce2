/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The packet path and nf_conntrack side by side: every frame through xdp_wall by a test run, and,
 * without its link header, into one tun device; what conntrack lets pass is routed to the other and
 * is there when write() returns. One thread, so one order. Compiled by differential/machines.ts.
 *
 * nf_conntrack has two connections per session, told apart by a bit of the client's port:
 *   beside   is shown every frame, up to the first on which the two differ
 *   behind   is shown what the packet path let through, as if it stood behind it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <node_api.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	MAX_FRAME = 2048,
	LINK_HEADER = 14,
	KEY_SIZE = 44,
	STATE_SIZE = 64,
	VERDICT_SIZE = 48,
	WORDS = 96,
	BEHIND_BIT = 0x80,	/* of the upper byte of the client's port */
};

/* One frame of a batch; its bytes follow, after the key of its session if it is the first. */
struct order {
	uint16_t length;
	uint8_t from;		/* 0: the client, 1: the server */
	uint8_t first;
};

enum passed {
	OURS = 1,
	BESIDE = 2,
	BEHIND = 4,
	BESIDE_ASKED = 8,
	BEHIND_ASKED = 16,
};

/* What is told of a frame on which they differ. */
struct difference {
	uint32_t frame;		/* index in the batch */
	uint32_t passed;
	uint32_t found;		/* 1: established, 2: pending, before the frame */
	uint32_t pad;
	uint8_t verdict[VERDICT_SIZE];	/* of explain, after it was dropped */
	uint8_t established[STATE_SIZE];
	uint8_t pending[STATE_SIZE];
	char beside[WORDS];	/* what conntrack said of the frame; empty: nothing */
	char behind[WORDS];
};

struct setup {
	int tun[2];		/* where the client is, where the server is */
	int wall;		/* programs */
	int explain;
	int established;	/* maps */
	int pending;
	int port[2];		/* ifindex on the client's side, on the server's */
	int log;
};

struct session {
	uint8_t *key;
	int apart;		/* enum passed: with which of the two it still agrees */
};

static napi_value fail(napi_env env, const char *what)
{
	char message[160];

	snprintf(message, sizeof(message), "%s: %s", what, strerror(errno));
	napi_throw_error(env, NULL, message);
	return NULL;
}

static int integer(napi_env env, napi_value value)
{
	int32_t number = -1;

	napi_get_value_int32(env, value, &number);
	return number;
}

/* openTun(name): the descriptor of a new tun device of this namespace. */
static napi_value open_tun(napi_env env, napi_callback_info info)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	napi_value argv[1], result;
	size_t count = 1;
	int fd;

	napi_get_cb_info(env, info, &count, argv, NULL, NULL);
	napi_get_value_string_utf8(env, argv[0], request.ifr_name, IFNAMSIZ, &count);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		return fail(env, "/dev/net/tun");
	napi_create_int32(env, fd, &result);
	return result;
}

/* close(fd) */
static napi_value close_it(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t count = 1;

	napi_get_cb_info(env, info, &count, argv, NULL, NULL);
	close(integer(env, argv[0]));
	return NULL;
}

/* flush(): conntrack forgets all connections of this namespace. */
static napi_value flush(napi_env env, napi_callback_info info)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg body;
	} message = {
		.head = { .nlmsg_len = sizeof(message),
			  .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.body = { .version = NFNETLINK_V0 },
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr body;
	} answer = { .body.error = -EIO };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return fail(env, "netlink");
	if (send(fd, &message, sizeof(message), 0) > 0)
		recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	errno = -answer.body.error;
	return errno ? fail(env, "flush") : NULL;
}

static int attribute(void *to, int type, const void *value, int length)
{
	struct nlattr head = { .nla_len = NLA_HDRLEN + length, .nla_type = type };

	memcpy(to, &head, sizeof(head));
	memcpy((char *)to + NLA_HDRLEN, value, length);
	return NLA_ALIGN(head.nla_len);
}

/* openLog(): a descriptor that tells what conntrack finds invalid, at once and one by one. */
static napi_value open_log(napi_env env, napi_callback_info info)
{
	struct nfulnl_msg_config_cmd bind_it = { .command = NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode words_only = { .copy_mode = NFULNL_COPY_NONE };
	uint32_t at_once = htonl(1);
	struct {
		struct nlmsghdr head;
		struct nfgenmsg body;
		char attributes[64];
	} message = {
		.head = { .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
			  .nlmsg_flags = NLM_F_REQUEST },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	int length;
	napi_value result;

	length = attribute(message.attributes, NFULA_CFG_CMD, &bind_it, sizeof(bind_it));
	length += attribute(message.attributes + length, NFULA_CFG_MODE, &words_only,
			    sizeof(words_only));
	length += attribute(message.attributes + length, NFULA_CFG_QTHRESH, &at_once,
			    sizeof(at_once));
	message.head.nlmsg_len = NLMSG_LENGTH(sizeof(message.body)) + length;
	if (fd < 0 || send(fd, &message, message.head.nlmsg_len, 0) < 0)
		return fail(env, "log");
	napi_create_int32(env, fd, &result);
	return result;
}

/* The words of the first message; other attributes are of no interest. */
static void read_words(const char *bytes, int length, char *words)
{
	int at = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	while (at + NLA_HDRLEN <= length) {
		struct nlattr head;

		memcpy(&head, bytes + at, sizeof(head));
		if (head.nla_len < NLA_HDRLEN || at + head.nla_len > length)
			return;
		if (head.nla_type == NFULA_PREFIX && !*words)
			snprintf(words, WORDS, "%.*s", head.nla_len - NLA_HDRLEN,
				 bytes + at + NLA_HDRLEN);
		at += NLA_ALIGN(head.nla_len);
	}
}

/* What conntrack has said since this was asked last. */
static void heard(int log, char *words)
{
	char bytes[4096];
	int length;

	*words = 0;
	while ((length = recv(log, bytes, sizeof(bytes), 0)) > 0)
		read_words(bytes, length, words);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* The kernel refuses what is not zero behind the part that a command has. */
static int found(int map, const void *key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	return !bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

/* What the program returns for a frame at a port; `left` gets the frame as it leaves it. */
static int run_program(int program, int port, const uint8_t *frame, int length, uint8_t *left)
{
	struct xdp_md context = { .data_end = length, .ingress_ifindex = port };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = program;
	attr.test.repeat = 1;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = length;
	attr.test.data_out = (uintptr_t)left;
	attr.test.data_size_out = left ? MAX_FRAME : 0;
	attr.test.ctx_in = (uintptr_t)&context;
	attr.test.ctx_size_in = sizeof(context);
	return bpf(BPF_PROG_TEST_RUN, &attr) ? -1 : (int)attr.test.retval;
}

/* Does conntrack let the packet pass? -1: what came out is none of ours. */
static int conntrack(struct setup *s, int from, const uint8_t *packet, int length, char *words,
		     int behind)
{
	uint8_t bytes[MAX_FRAME];
	int ports = packet[0] >> 4 == 4 ? 20 : 40, got;

	memcpy(bytes, packet, length);
	if (behind)
		bytes[ports + 2 * from] |= BEHIND_BIT;
	if (write(s->tun[from], bytes, length) != length)
		return -1;
	heard(s->log, words);
	got = read(s->tun[!from], bytes, sizeof(bytes));
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	return got == length && read(s->tun[!from], bytes, sizeof(bytes)) < 0 ? 1 : -1;
}

static int explain(struct setup *s, const struct order *o, const uint8_t *frame, uint8_t *verdict)
{
	uint8_t left[MAX_FRAME];

	if (run_program(s->explain, s->port[o->from], frame, o->length, left) < 0)
		return -1;
	memcpy(verdict, left, VERDICT_SIZE);
	return 0;
}

/* One frame through all three. Returns enum passed, or -1. */
static int ask_all(struct setup *s, struct session *session, const struct order *o,
		   const uint8_t *frame, struct difference *d)
{
	const uint8_t *packet = frame + LINK_HEADER;
	int length = o->length - LINK_HEADER, result, passed = 0;

	d->found = found(s->established, session->key, d->established);
	d->found |= found(s->pending, session->key, d->pending) << 1;
	result = run_program(s->wall, s->port[o->from], frame, o->length, NULL);
	if (result < 0)
		return -1;
	if (result != XDP_DROP)
		passed |= OURS;
	if (!(session->apart & BESIDE)) {
		result = conntrack(s, o->from, packet, length, d->beside, 0);
		if (result < 0)
			return -1;
		passed |= BESIDE_ASKED | (result ? BESIDE : 0);
	}
	if (passed & OURS && !(session->apart & BEHIND)) {
		result = conntrack(s, o->from, packet, length, d->behind, 1);
		if (result < 0)
			return -1;
		passed |= BEHIND_ASKED | (result ? BEHIND : 0);
	}
	return passed;
}

/* With whom they differ on a frame. */
static int apart(int passed)
{
	int beside = passed & BESIDE_ASKED && !(passed & OURS) != !(passed & BESIDE);
	int behind = passed & BEHIND_ASKED && !(passed & BEHIND);

	return (beside ? BESIDE : 0) | (behind ? BEHIND : 0);
}

/* run(setup, batch, passed, differences): how many differences. Frames that are too many are not
 * told of: `passed` has a byte each. */
static napi_value run(napi_env env, napi_callback_info info)
{
	struct session session = { 0 };
	napi_value argv[4], result;
	size_t count = 4, size, room, most, at = 0;
	uint8_t *batch, *verdicts;
	struct difference *told, d;
	uint32_t frame = 0, differences = 0;
	struct setup *s;

	napi_get_cb_info(env, info, &count, argv, NULL, NULL);
	napi_get_buffer_info(env, argv[0], (void **)&s, &size);
	if (size != sizeof(*s)) {
		errno = EINVAL;
		return fail(env, "setup");
	}
	napi_get_buffer_info(env, argv[1], (void **)&batch, &size);
	napi_get_buffer_info(env, argv[2], (void **)&verdicts, &room);
	napi_get_buffer_info(env, argv[3], (void **)&told, &most);
	most /= sizeof(d);
	while (at + sizeof(struct order) <= size && frame < room) {
		struct order o;
		int passed;

		memcpy(&o, batch + at, sizeof(o));
		at += sizeof(o);
		if (o.first) {
			session = (struct session){ .key = batch + at };
			at += KEY_SIZE;
		}
		memset(&d, 0, sizeof(d));
		passed = ask_all(s, &session, &o, batch + at, &d);
		if (passed < 0)
			return fail(env, "frame");
		if (apart(passed) && differences < most) {
			session.apart |= apart(passed);
			d.frame = frame;
			d.passed = passed;
			if (!(passed & OURS) && explain(s, &o, batch + at, d.verdict))
				return fail(env, "explain");
			told[differences++] = d;
		}
		verdicts[frame++] = passed;
		at += o.length;
	}
	napi_create_uint32(env, differences, &result);
	return result;
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback callback)
{
	napi_value function;

	napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
	napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT()
{
	add(env, exports, "openTun", open_tun);
	add(env, exports, "close", close_it);
	add(env, exports, "openLog", open_log);
	add(env, exports, "flush", flush);
	add(env, exports, "run", run);
	return exports;
}
