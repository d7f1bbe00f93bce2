/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crowd CLIENTS SERVER COUNT CLIENTS_MAC SERVER_MAC ADDRESS PORT
 *     holds so many TCP connections to a port of an address, both ends of them, without any stack.
 *     CLIENTS and SERVER are the paths of network namespaces, each with a device e0; nobody in
 *     them has these MACs. Does what it is told on stdin, and says so in one line:
 *
 *     open   three segments of each connection          -> open
 *     round  a byte from each client, acknowledged      -> round ARRIVED ACKNOWLEDGED
 *     talk   rounds, until the next line comes          -> talk ROUNDS SENT ARRIVED
 *     What arrives counts once, and only if it is the segment that was sent last.
 */
#include <poll.h>
#include <time.h>
#include <unistd.h>
#include "../../native/craft.h"

enum {
	CLIENTS = 0x0a410000,	/* 10.65.0.0 */
	PORTS = 16384,
	FIRST_PORT = 20000,
	OPENING = 1024,		/* that are half-open at a time */
	BUFFER = 64 << 20,
	PATIENCE_MS = 5000,
};

struct end {
	int fd;
	unsigned char mac[6];
};

/* Of a connection in this round. */
enum arrived {
	HERE = 1,	/* the byte is at the server */
	BACK = 2,	/* its acknowledgement is at the client */
	ANSWERED = 4,
};

static struct end clients, server;
static uint32_t address, port, count, round_number;
static unsigned char *arrived;

static struct end open_end(const char *netns, const char *mac)
{
	struct end e;

	enter_namespace(netns);
	e.fd = open_packet_socket("e0", ETH_P_IP, BUFFER);
	read_mac(e.mac, mac);
	return e;
}

static uint32_t first_of_client(uint32_t n)
{
	return n * 2654435761u;
}

static uint32_t first_of_server(uint32_t n)
{
	return ~n * 2246822519u;
}

/* A segment of connection n, numbers counted from those of the SYNs. */
static void craft_of(struct crafted *f, uint32_t n, int reply, uint8_t flags, uint32_t seq,
		     uint32_t ack)
{
	struct segment s = {
		.source = reply ? address : CLIENTS + n / PORTS,
		.destination = reply ? CLIENTS + n / PORTS : address,
		.sport = reply ? port : FIRST_PORT + n % PORTS,
		.dport = reply ? FIRST_PORT + n % PORTS : port,
		.seq = (reply ? first_of_server(n) : first_of_client(n)) + seq,
		.ack = flags & ACK ? (reply ? first_of_client(n) : first_of_server(n)) + ack : 0,
		.window = 65535,
		.flags = flags,
		.data = flags & PSH ? 1 : 0,
	};

	if (reply)
		craft_ethernet(f, server.mac, clients.mac);
	else
		craft_ethernet(f, clients.mac, server.mac);
	craft_tcp(f, &s);
}

/* Which connection a frame is of, if it is what was sent in this round; else `count`. */
static uint32_t heard(const unsigned char *frame, ssize_t length, int reply)
{
	const unsigned char *ip = frame + ETHERNET, *tcp = ip + IPV4;
	uint32_t n, seq, client = get32(ip + (reply ? 16 : 12)), sport = get16(tcp + (reply ? 2 : 0));

	if (length < ETHERNET + IPV4 + TCP || ip[9] != IPPROTO_TCP || sport < FIRST_PORT)
		return count;
	n = (client - CLIENTS) * PORTS + sport - FIRST_PORT;
	if (n >= count)
		return count;
	seq = reply ? get32(tcp + 8) - first_of_client(n) : get32(tcp + 4) - first_of_client(n);
	return seq == round_number + reply ? n : count;
}

/* Counts what has come to an end so far. */
static uint32_t hear(const struct end *e, int reply)
{
	unsigned char frame[ROOM];
	uint32_t more = 0, n;
	ssize_t length;

	while ((length = recv(e->fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
		n = heard(frame, length, reply);
		if (n < count && !(arrived[n] & (reply ? BACK : HERE))) {
			arrived[n] |= reply ? BACK : HERE;
			more++;
		}
	}
	return more;
}

static void send_each(const struct end *e, uint32_t from, uint32_t to, int reply, uint8_t flags,
		      uint32_t seq, uint32_t ack)
{
	static struct crafted frames[BATCH];

	while (from < to) {
		uint32_t batch = to - from < BATCH ? to - from : BATCH;

		for (uint32_t i = 0; i < batch; i++)
			craft_of(&frames[i], from + i, reply, flags, seq, ack);
		send_all(e->fd, frames, batch);
		from += batch;
	}
}

static void open_all(void)
{
	for (uint32_t from = 0; from < count; from += OPENING) {
		uint32_t to = from + OPENING < count ? from + OPENING : count;

		send_each(&clients, from, to, 0, SYN, 0, 0);
		send_each(&server, from, to, 1, SYN | ACK, 0, 1);
		send_each(&clients, from, to, 0, ACK, 1, 1);
		hear(&clients, 1);
		hear(&server, 0);
	}
}

/* Acknowledges what has arrived and was not acknowledged yet: the wall may well have seen no other. */
static void acknowledge(uint32_t from, uint32_t to)
{
	static struct crafted frames[BATCH];
	uint32_t batch = 0;

	for (uint32_t n = from; n < to; n++) {
		if ((arrived[n] & (HERE | ANSWERED)) != HERE)
			continue;
		arrived[n] |= ANSWERED;
		craft_of(&frames[batch++], n, 1, ACK, 1, round_number + 1);
		if (batch == BATCH) {
			send_all(server.fd, frames, batch);
			batch = 0;
		}
	}
	send_all(server.fd, frames, batch);
}

static void wait_for(const struct end *e, int reply, uint32_t wanted, uint32_t *have)
{
	struct pollfd fd = {.fd = e->fd, .events = POLLIN};

	*have += hear(e, reply);
	while (*have < wanted && poll(&fd, 1, PATIENCE_MS) > 0)
		*have += hear(e, reply);
}

/* A byte of each client and its acknowledgement; arrivals by direction. */
static void talk_round(uint32_t have[2])
{
	round_number++;
	memset(arrived, 0, count);
	have[0] = have[1] = 0;
	for (uint32_t from = 0; from < count; from += BATCH) {
		uint32_t to = from + BATCH < count ? from + BATCH : count;

		send_each(&clients, from, to, 0, PSH | ACK, round_number, 1);
		have[0] += hear(&server, 0);
		acknowledge(from, to);
		have[1] += hear(&clients, 1);
	}
	wait_for(&server, 0, count, &have[0]);
	acknowledge(0, count);
	wait_for(&clients, 1, have[0], &have[1]);
}

static int told(void)
{
	struct pollfd fd = {.fd = 0, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

static void talk(void)
{
	unsigned long rounds = 0, all = 0;
	uint32_t have[2];

	do {
		talk_round(have);
		rounds++;
		all += have[0] + have[1];
	} while (!told());
	printf("talk %lu %lu %lu\n", rounds, rounds * count * 2, all);
}

static void obey(const char *line)
{
	uint32_t have[2];

	if (strcmp(line, "open\n") == 0) {
		open_all();
		puts("open");
	} else if (strcmp(line, "round\n") == 0) {
		talk_round(have);
		printf("round %u %u\n", have[0], have[1]);
	} else if (strcmp(line, "talk\n") == 0) {
		talk();
	}
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 8)
		return 1;
	count = strtol(argv[3], NULL, 10);
	address = read_address(argv[6]);
	port = strtol(argv[7], NULL, 10);
	clients = open_end(argv[1], argv[4]);
	server = open_end(argv[2], argv[5]);
	arrived = calloc(count, 1);
	if (arrived == NULL)
		die("memory");
	/* Lines are looked for with poll: none may wait in a buffer. */
	setvbuf(stdin, NULL, _IONBF, 0);
	setlinebuf(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(line);
	return 0;
}
