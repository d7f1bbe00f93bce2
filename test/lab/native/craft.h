/* SPDX-License-Identifier: GPL-2.0 */
/* IPv4 frames put together in place, random numbers, and many frames in one system call. */
#ifndef BW_CRAFT_H
#define BW_CRAFT_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include "packet-socket.h"

enum craft {
	ETHERNET = 14,
	IPV4 = 20,
	TCP = 20,
	UDP = 8,
	ROOM = 128,
	BATCH = 128,
	FIN = 1,
	SYN = 2,
	RST = 4,
	PSH = 8,
	ACK = 16,
};

struct crafted {
	unsigned char bytes[ROOM];
	size_t length;
};

struct numbers {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t next_number(struct numbers *n)
{
	uint64_t z = n->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline void seed_numbers(struct numbers *n)
{
	if (getrandom(&n->state, sizeof(n->state), 0) != sizeof(n->state))
		die("getrandom");
}

static inline void put16(unsigned char *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static inline void put32(unsigned char *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static inline uint32_t get16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

static inline uint32_t get32(const unsigned char *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static inline uint32_t sum_of(const unsigned char *at, size_t length, uint32_t sum)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += at[i] << 8 | at[i + 1];
	return length & 1 ? sum + (at[length - 1] << 8) : sum;
}

static inline uint32_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static inline void put_ipv4(unsigned char *ip, uint32_t source, uint32_t destination, int protocol,
		     size_t payload)
{
	memset(ip, 0, IPV4);
	ip[0] = 0x45;
	put16(ip + 2, IPV4 + payload);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, source);
	put32(ip + 16, destination);
	put16(ip + 10, checksum(sum_of(ip, IPV4, 0)));
}

/* The sum of what TCP and UDP add from the addresses. */
static inline uint32_t pseudo_sum(const unsigned char *ip, size_t length)
{
	return sum_of(ip + 12, 8, ip[9] + length);
}

struct segment {
	uint32_t source;
	uint32_t destination;
	uint32_t seq;
	uint32_t ack;
	uint16_t sport;
	uint16_t dport;
	uint16_t window;
	uint8_t flags;
	uint8_t data;	/* bytes of payload */
};

static inline void put_tcp_header(unsigned char *tcp, const struct segment *s)
{
	put16(tcp, s->sport);
	put16(tcp + 2, s->dport);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	put16(tcp + 12, TCP / 4 << 12 | s->flags);
	put16(tcp + 14, s->window);
	put32(tcp + 16, 0);
}

/* Behind an Ethernet header that is there. */
static inline void craft_tcp(struct crafted *f, const struct segment *s)
{
	unsigned char *ip = f->bytes + ETHERNET, *tcp = ip + IPV4;
	size_t length = TCP + s->data;

	put_ipv4(ip, s->source, s->destination, IPPROTO_TCP, length);
	put_tcp_header(tcp, s);
	memset(tcp + TCP, 'e', s->data);
	put16(tcp + 16, checksum(sum_of(tcp, length, pseudo_sum(ip, length))));
	f->length = ETHERNET + IPV4 + length;
}

static inline void craft_ethernet(struct crafted *f, const unsigned char *source,
			   const unsigned char *destination)
{
	memcpy(f->bytes, destination, 6);
	memcpy(f->bytes + 6, source, 6);
	put16(f->bytes + 12, ETH_P_IP);
}

static inline void read_mac(unsigned char *mac, const char *text)
{
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5) != 6)
		die(text);
}

static inline uint32_t read_address(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		die(text);
	return ntohl(address.s_addr);
}

static inline void send_all(int fd, struct crafted *frames, unsigned int count)
{
	static struct mmsghdr messages[BATCH];
	static struct iovec pieces[BATCH];
	unsigned int sent = 0;

	for (unsigned int i = 0; i < count; i++) {
		pieces[i].iov_base = frames[i].bytes;
		pieces[i].iov_len = frames[i].length;
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (sent < count) {
		int more = sendmmsg(fd, messages + sent, count - sent, 0);

		if (more > 0)
			sent += more;
		/* The cable is full: the frame is not on it. */
		else if (errno == ENOBUFS || errno == EAGAIN)
			sched_yield();
		else
			die("sendmmsg");
	}
}

#endif
