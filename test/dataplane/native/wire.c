/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of the packet path need from the system and Node cannot give: a network namespace of
 * their own, and raw frames on its interfaces. Compiled by harness/wire.ts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <node_api.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	MAX_WIRES = 16,
	MAX_FRAME = 65536,
	TAG_LENGTH = 4,
	MAC_LENGTHS = 12,
	RECEIVE_BUFFER = 8 << 20,
};

static napi_value fail(napi_env env, const char *what)
{
	char message[160];

	snprintf(message, sizeof(message), "%s: %s", what, strerror(errno));
	napi_throw_error(env, NULL, message);
	return NULL;
}

static size_t arguments(napi_env env, napi_callback_info info, napi_value *argv, size_t count)
{
	napi_get_cb_info(env, info, &count, argv, NULL, NULL);
	return count;
}

static int integer(napi_env env, napi_value value)
{
	int32_t number = -1;

	napi_get_value_int32(env, value, &number);
	return number;
}

static napi_value number(napi_env env, int64_t value)
{
	napi_value result;

	napi_create_int64(env, value, &result);
	return result;
}

/* enterNewNamespace(): the calling thread, and what it spawns, live in an empty one from now on. */
static napi_value enter_new_namespace(napi_env env, napi_callback_info info)
{
	return unshare(CLONE_NEWNET) ? fail(env, "unshare") : NULL;
}

static int listen_on(int fd, const char *name)
{
	struct sockaddr_ll where = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(name),
	};
	struct packet_mreq promiscuous = {
		.mr_ifindex = where.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	int on = 1, size = RECEIVE_BUFFER;

	if (!where.sll_ifindex)
		return -1;
	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		return -1;
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)))
		return -1;
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
			  sizeof(promiscuous));
}

/* openWire(name, listening): a descriptor. One that does not listen only sends. */
static napi_value open_wire(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	char name[IF_NAMESIZE];
	bool listening = true;
	size_t length;
	int fd;

	arguments(env, info, argv, 2);
	napi_get_value_string_utf8(env, argv[0], name, sizeof(name), &length);
	napi_get_value_bool(env, argv[1], &listening);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(env, "socket");
	if (listening ? listen_on(fd, name) :
	    bind(fd, (struct sockaddr *)&(struct sockaddr_ll){
			.sll_family = AF_PACKET,
			.sll_ifindex = if_nametoindex(name) },
		 sizeof(struct sockaddr_ll))) {
		napi_value error = fail(env, name);

		close(fd);
		return error;
	}
	return number(env, fd);
}

/*
 * openSparse(name): a descriptor for sendSparse(). What it sends arrives with as little in the linear
 * part as one likes, as long as it fills a page: the rest lies in fragments, as with real NICs.
 */
static napi_value open_sparse(napi_env env, napi_callback_info info)
{
	napi_value fd = open_wire(env, info);
	int on = 1;

	if (fd && setsockopt(integer(env, fd), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		return fail(env, "PACKET_VNET_HDR");
	return fd;
}

/* sendSparse(fd, frame, bytes in the linear part) */
static napi_value send_sparse(napi_env env, napi_callback_info info)
{
	struct virtio_net_hdr header = {};
	napi_value argv[3];
	struct iovec pieces[2] = { { .iov_base = &header, .iov_len = sizeof(header) } };

	arguments(env, info, argv, 3);
	header.hdr_len = integer(env, argv[2]);
	napi_get_buffer_info(env, argv[1], &pieces[1].iov_base, &pieces[1].iov_len);
	if (writev(integer(env, argv[0]), pieces, 2) < 0)
		return fail(env, "send");
	return NULL;
}

static int send_frame(int fd, const void *bytes, size_t length)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	while (send(fd, bytes, length, 0) < 0) {
		if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
			return -1;
		poll(&ready, 1, 100);
	}
	return 0;
}

/* send(fd, frames, length, rounds): frames of `length` bytes each, all of them `rounds` times. */
static napi_value send_frames(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	void *bytes;
	size_t total, at;
	int fd, length, rounds;

	arguments(env, info, argv, 4);
	fd = integer(env, argv[0]);
	napi_get_buffer_info(env, argv[1], &bytes, &total);
	length = integer(env, argv[2]);
	for (rounds = integer(env, argv[3]); rounds > 0; rounds--)
		for (at = 0; at + length <= total; at += length)
			if (send_frame(fd, (char *)bytes + at, length))
				return fail(env, "send");
	return NULL;
}

/* The tag that the kernel took out of the frame, or 0. */
static size_t stripped_tag(struct msghdr *message, unsigned char tag[TAG_LENGTH])
{
	struct tpacket_auxdata *aux;
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	if (!control || control->cmsg_type != PACKET_AUXDATA)
		return 0;
	aux = (struct tpacket_auxdata *)CMSG_DATA(control);
	if (!(aux->tp_status & TP_STATUS_VLAN_VALID))
		return 0;
	tag[0] = aux->tp_vlan_tpid >> 8;
	tag[1] = aux->tp_vlan_tpid;
	tag[2] = aux->tp_vlan_tci >> 8;
	tag[3] = aux->tp_vlan_tci;
	return TAG_LENGTH;
}

static napi_value received_frame(napi_env env, int fd)
{
	static unsigned char bytes[MAX_FRAME];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec into = { .iov_base = bytes + TAG_LENGTH,
			      .iov_len = sizeof(bytes) - TAG_LENGTH };
	struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1,
				  .msg_control = control, .msg_controllen = sizeof(control) };
	unsigned char tag[TAG_LENGTH];
	napi_value frame;
	ssize_t length = recvmsg(fd, &message, 0);

	if (length < 0)
		return NULL;
	if (length >= MAC_LENGTHS && stripped_tag(&message, tag)) {
		memmove(bytes, bytes + TAG_LENGTH, MAC_LENGTHS);
		memcpy(bytes + MAC_LENGTHS, tag, TAG_LENGTH);
		napi_create_buffer_copy(env, length + TAG_LENGTH, bytes, NULL, &frame);
	} else {
		napi_create_buffer_copy(env, length, bytes + TAG_LENGTH, NULL, &frame);
	}
	return frame;
}

/* receive(fds, milliseconds): {wire: index, frame} or undefined when nothing came. */
static napi_value receive(napi_env env, napi_callback_info info)
{
	struct pollfd wires[MAX_WIRES];
	napi_value argv[2], element, result, frame;
	uint32_t count = 0, i;

	arguments(env, info, argv, 2);
	napi_get_array_length(env, argv[0], &count);
	if (count > MAX_WIRES)
		count = MAX_WIRES;
	for (i = 0; i < count; i++) {
		napi_get_element(env, argv[0], i, &element);
		wires[i] = (struct pollfd){ .fd = integer(env, element), .events = POLLIN };
	}
	if (poll(wires, count, integer(env, argv[1])) <= 0)
		return NULL;
	for (i = 0; i < count; i++) {
		frame = wires[i].revents ? received_frame(env, wires[i].fd) : NULL;
		if (!frame)
			continue;
		napi_create_object(env, &result);
		napi_set_named_property(env, result, "wire", number(env, i));
		napi_set_named_property(env, result, "frame", frame);
		return result;
	}
	return NULL;
}

static napi_value close_wire(napi_env env, napi_callback_info info)
{
	napi_value argv[1];

	arguments(env, info, argv, 1);
	close(integer(env, argv[0]));
	return NULL;
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback callback)
{
	napi_value function;

	napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
	napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT()
{
	add(env, exports, "enterNewNamespace", enter_new_namespace);
	add(env, exports, "openWire", open_wire);
	add(env, exports, "send", send_frames);
	add(env, exports, "openSparse", open_sparse);
	add(env, exports, "sendSparse", send_sparse);
	add(env, exports, "receive", receive);
	add(env, exports, "closeWire", close_wire);
	return exports;
}
