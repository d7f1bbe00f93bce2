/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lives CLIENTS SERVER CLIENTS_MAC SERVER_MAC ADDRESS PORT RATE SECONDS [MAP|open]
 *     leads so many TCP connections a second through their whole life, both ends of each, without any stack:
 *     handshake, a byte, a FIN of either end. CLIENTS and SERVER are paths of network namespaces, each with a
 *     device eth0; nobody in them has these MACs. MAP is a pin of a table `established`: of one connection in
 *     LOOK_EVERY it is measured how long after its handshake it stands there. With the word `open` they are opened, and
 *     stay.
 * Prints how many lives, the seconds that they took, and the delays in microseconds, -1 for one that did not
 * come within PATIENCE.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../test/lab/native/craft.h"
#include "clock.h"

enum {
	CLIENTS = 0x0a410000,	/* 10.65.0.0 */
	PORTS = 32768,
	FIRST_PORT = 20000,
	STEPS = 7,
	STEPS_OPEN = 4,
	TICK_NS = 1000000,
	LOOK_EVERY = 97,
	WATCHED = 1024,		/* at a time */
	PATIENCE_NS = 2000000000,
	STATE_BYTES = 256,	/* a value has no more */
};

/* Map `established`: bpf/layout_state.h. */
struct state_key {
	unsigned char low[16];
	unsigned char high[16];
	uint16_t low_port;
	uint16_t high_port;
	uint16_t tag[2];
	uint8_t protocol;
	uint8_t family;
	uint8_t pad[2];
};

struct end {
	int fd;
	unsigned char mac[6];
	struct crafted frames[BATCH];
	unsigned int count;
};

struct watched {
	struct state_key key;
	uint64_t since;
};

static const struct {
	bool from_client;
	uint8_t flags;
	uint8_t data;
	uint8_t seq;	/* of who sends it, and what it acknowledges */
	uint8_t ack;
} steps[STEPS] = {
	{true, SYN, 0, 0, 0},
	{false, SYN | ACK, 0, 0, 1},
	{true, ACK, 0, 1, 1},
	{true, PSH | ACK, 1, 1, 1},
	{false, FIN | ACK, 0, 1, 2},
	{true, FIN | ACK, 0, 2, 2},
	{false, ACK, 0, 2, 3},
};

static struct end clients, server;
static uint32_t address, port;
static struct watched watched[WATCHED];
static unsigned int watching;
static int map = -1;
static unsigned int last_step = STEPS;

static void open_end(struct end *e, const char *netns, const char *mac)
{
	enter_namespace(netns);
	e->fd = open_packet_socket("eth0", 0, 0);
	read_mac(e->mac, mac);
}

static void open_map(const char *pin)
{
	union bpf_attr attr = {.pathname = (uintptr_t)pin, .file_flags = BPF_F_RDONLY};

	map = syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	if (map < 0)
		die(pin);
}

static uint32_t client_of(uint32_t n)
{
	return CLIENTS + 1 + n / PORTS % 0xfffe;
}

static uint16_t port_of(uint32_t n)
{
	return FIRST_PORT + n % PORTS;
}

static void send_out(struct end *e)
{
	send_all(e->fd, e->frames, e->count);
	e->count = 0;
}

static void put_step(uint32_t n, unsigned int step)
{
	bool from_client = steps[step].from_client;
	struct end *from = from_client ? &clients : &server, *to = from_client ? &server : &clients;
	uint32_t first = n * 2654435761u;
	struct segment s = {
		.source = from_client ? client_of(n) : address,
		.destination = from_client ? address : client_of(n),
		.sport = from_client ? port_of(n) : port,
		.dport = from_client ? port : port_of(n),
		.seq = (from_client ? first : ~first) + steps[step].seq,
		.ack = steps[step].flags & ACK ? (from_client ? ~first : first) + steps[step].ack : 0,
		.window = 65535,
		.flags = steps[step].flags,
		.data = steps[step].data,
	};

	if (from->count == BATCH)
		send_out(from);
	craft_ethernet(&from->frames[from->count], from->mac, to->mac);
	craft_tcp(&from->frames[from->count++], &s);
}

static void put_mapped(unsigned char *at, uint32_t v4)
{
	memset(at, 0, 10);
	memset(at + 10, 0xff, 2);
	put32(at + 12, v4);
}

static void watch(uint32_t n, uint64_t now)
{
	struct watched *w = &watched[watching];

	if (map < 0 || n % LOOK_EVERY || watching == WATCHED)
		return;
	memset(w, 0, sizeof(*w));
	put_mapped(w->key.low, client_of(n));
	put_mapped(w->key.high, address);
	w->key.low_port = htons(port_of(n));
	w->key.high_port = htons(port);
	w->key.protocol = IPPROTO_TCP;
	w->key.family = 4;
	w->since = now;
	watching++;
}

static bool stands(struct state_key *key)
{
	static unsigned char value[STATE_BYTES];
	union bpf_attr attr = {
		.map_fd = map, .key = (uintptr_t)key, .value = (uintptr_t)value,
	};

	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0;
}

static void look(uint64_t now)
{
	for (unsigned int i = 0; i < watching;) {
		int64_t late = now - watched[i].since;
		bool here = stands(&watched[i].key);

		if (!here && late < PATIENCE_NS) {
			i++;
			continue;
		}
		printf(" %ld", here ? (long)(late / 1000) : -1);
		watched[i] = watched[--watching];
	}
}

/* Lives that began at the last STEPS ticks; each goes one step further with every tick. */
static uint32_t lead(uint32_t first, double per_tick, uint32_t ticks)
{
	uint32_t begun[STEPS + 1] = {0};
	uint64_t next = now_ns();
	double due = 0;

	for (unsigned int i = 0; i <= STEPS; i++)
		begun[i] = first;
	for (uint32_t tick = 0; tick < ticks + STEPS; tick++) {
		for (unsigned int i = STEPS; i > 0; i--)
			begun[i] = begun[i - 1];
		due += tick < ticks ? per_tick : 0;
		begun[0] = first + (uint32_t)due;
		/* Those that are furthest on go first. */
		for (int step = last_step - 1; step >= 0; step--) {
			for (uint32_t n = begun[step + 1]; n != begun[step]; n++) {
				put_step(n, step);
				if (step == 2)
					watch(n, now_ns());
			}
		}
		send_out(&clients);
		send_out(&server);
		look(now_ns());
		next += TICK_NS;
		/* Who was kept from the processor begins anew: it does not make up for it by a burst. */
		if (now_ns() > next + 20 * TICK_NS)
			next = now_ns();
		sleep_until(next);
	}
	return begun[0];
}

int main(int argc, char **argv)
{
	uint32_t rate, seconds, first, last;
	uint64_t began, ended;
	struct numbers numbers;

	if (argc != 9 && argc != 10) {
		fprintf(stderr, "usage: lives CLIENTS SERVER CLIENTS_MAC SERVER_MAC ADDRESS PORT RATE SECONDS [MAP|open]\n");
		return 2;
	}
	if (argc == 10 && !strcmp(argv[9], "open"))
		last_step = STEPS_OPEN;
	else if (argc == 10)
		open_map(argv[9]);
	open_end(&clients, argv[1], argv[3]);
	open_end(&server, argv[2], argv[4]);
	address = read_address(argv[5]);
	port = strtoul(argv[6], NULL, 10);
	rate = strtoul(argv[7], NULL, 10);
	seconds = strtoul(argv[8], NULL, 10);
	seed_numbers(&numbers);
	first = next_number(&numbers);
	printf("[");
	began = now_ns();
	last = lead(first, rate / 1000.0, seconds * 1000);
	ended = now_ns();
	while (watching > 0) {
		sleep_until(now_ns() + TICK_NS);
		look(now_ns());
	}
	printf(" ] %u %.3f\n", last - first, (ended - began) / 1e9);
	return 0;
}
