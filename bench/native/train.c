/* SPDX-License-Identifier: GPL-2.0 */
/*
 * train CLIENT SERVER CLIENT_MAC SERVER_MAC CLIENT_ADDRESS SERVER_ADDRESS PORT INTERVAL_US
 *     sends a datagram each way every so often until standard input ends, without any stack, and sees which of
 *     them arrive. For each line that it reads it prints for how many microseconds none has arrived, of the way
 *     for which that is longer. CLIENT and SERVER are paths of network namespaces, each with a device eth0; nobody in them
 *     has these MACs.
 * Prints at the end for each way, client's first: how many were sent, lost and seen twice, and the longest time in
 * microseconds between the departures of two that arrived, and none of those between them; 0: none was lost.
 */
#include <poll.h>
#include <sched.h>
#include <unistd.h>
#include "../../test/lab/native/craft.h"
#include "clock.h"

enum {
	CLIENT_PORT = 20007,
	PAYLOAD = 20,
	NUMBER_AT = ETHERNET + IPV4 + UDP,
	MOST = 1 << 20,		/* datagrams each way */
	LINGER_MS = 100,
};

struct end {
	int fd;
	unsigned char mac[6];
	uint32_t address;
	uint16_t port;
};

struct way {
	struct end *from;
	struct end *to;
	uint32_t sent;
	uint32_t twice;
	uint64_t *left;		/* when each was sent */
	uint8_t *came;
	uint64_t heard;		/* when the last one came */
};

static struct end open_end(const char *netns, const char *mac, const char *address, uint16_t port)
{
	struct end e = {.address = read_address(address), .port = port};

	enter_namespace(netns);
	e.fd = open_packet_socket("eth0", ETH_P_IP, 8 << 20);
	read_mac(e.mac, mac);
	return e;
}

static struct way way_of(struct end *from, struct end *to)
{
	struct way w = {.from = from, .to = to};

	w.left = calloc(MOST, sizeof(*w.left));
	w.came = calloc(MOST, sizeof(*w.came));
	if (!w.left || !w.came)
		die("calloc");
	return w;
}

static void send_one(struct way *w)
{
	static struct crafted f;
	unsigned char *ip = f.bytes + ETHERNET, *udp = ip + IPV4;

	if (w->sent == MOST)
		return;
	craft_ethernet(&f, w->from->mac, w->to->mac);
	put_ipv4(ip, w->from->address, w->to->address, IPPROTO_UDP, UDP + PAYLOAD);
	put16(udp, w->from->port);
	put16(udp + 2, w->to->port);
	put16(udp + 4, UDP + PAYLOAD);
	put16(udp + 6, 0);
	memset(udp + UDP, 0, PAYLOAD);
	put32(udp + UDP, w->sent);
	f.length = ETHERNET + IPV4 + UDP + PAYLOAD;
	w->left[w->sent++] = now_ns();
	send_all(w->from->fd, &f, 1);
}

static void take(struct way *w)
{
	unsigned char f[ROOM];
	ssize_t size;

	while ((size = recv(w->to->fd, f, sizeof(f), MSG_DONTWAIT)) >= 0) {
		uint32_t number = get32(f + NUMBER_AT);

		if (size < NUMBER_AT + 4 || memcmp(f, w->to->mac, 6) ||
		    memcmp(f + 6, w->from->mac, 6) || f[ETHERNET + 9] != IPPROTO_UDP ||
		    number >= w->sent)
			continue;
		if (w->came[number])
			w->twice++;
		w->came[number] = 1;
		w->heard = now_ns();
	}
}

/* Returns 0 once there are no more orders. */
static int obey(const struct way *ways)
{
	char line[64];
	uint64_t heard = ways[0].heard < ways[1].heard ? ways[0].heard : ways[1].heard;

	if (read(0, line, sizeof(line)) <= 0)
		return 0;
	printf("%lu\n", (unsigned long)((now_ns() - heard) / 1000));
	fflush(stdout);
	return 1;
}

static void report(const struct way *w)
{
	uint64_t last = 0, longest = 0;
	uint32_t lost = 0, missed = 0;

	for (uint32_t i = 0; i < w->sent; i++) {
		if (!w->came[i]) {
			lost++;
			missed++;
			continue;
		}
		if (missed && last && w->left[i] - last > longest)
			longest = w->left[i] - last;
		last = w->left[i];
		missed = 0;
	}
	printf("%u %u %u %lu\n", w->sent, lost, w->twice, (unsigned long)(longest / 1000));
}

int main(int argc, char **argv)
{
	struct sched_param first = {.sched_priority = 1};
	struct pollfd order = {.fd = 0, .events = POLLIN};
	struct end client, server;
	struct way ways[2];
	uint64_t interval, next;

	if (argc != 9) {
		fprintf(stderr, "usage: train CLIENT SERVER CLIENT_MAC SERVER_MAC CLIENT_ADDRESS SERVER_ADDRESS PORT INTERVAL_US\n");
		return 2;
	}
	client = open_end(argv[1], argv[3], argv[5], CLIENT_PORT);
	server = open_end(argv[2], argv[4], argv[6], strtoul(argv[7], NULL, 10));
	ways[0] = way_of(&client, &server);
	ways[1] = way_of(&server, &client);
	interval = strtoul(argv[8], NULL, 10) * 1000;
	/* It is what measures: it waits for nobody. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	for (next = now_ns();; next += interval) {
		sleep_until(next);
		if (poll(&order, 1, 0) != 0 && !obey(ways))
			break;
		for (int i = 0; i < 2; i++) {
			send_one(&ways[i]);
			take(&ways[i]);
		}
	}
	usleep(LINGER_MS * 1000);
	for (int i = 0; i < 2; i++) {
		take(&ways[i]);
		report(&ways[i]);
	}
	return 0;
}
