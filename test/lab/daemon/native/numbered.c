/* SPDX-License-Identifier: GPL-2.0 */
/*
 * numbered send DEVICE MICROSECONDS FRAME...
 *     sends all frames, in order, once per period, until it is ended; then prints how many rounds it
 *     was. A frame is hex digits; its last four bytes become the number of the round. With a + before
 *     it the UDP source port is another in each round.
 * numbered count DEVICE
 *     listens until it is ended; then prints a line for each UDP destination port that it heard from,
 *     "PORT BITMAP": a bit for each round in hex, the lowest first; at last "lost N", what the kernel
 *     had no room for.
 * numbered pauses DEVICE PORT MICROSECONDS
 *     listens until it is ended; prints "FROM UNTIL", in nanoseconds of CLOCK_MONOTONIC, for every time
 *     that long in which nothing was heard for that UDP destination port.
 * All say "ready" first.
 */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../../native/packet-socket.h"

enum {
	LARGEST = 256,
	MOST_FRAMES = 32,
	MOST_ROUNDS = 1 << 20,
	SOURCE_PORT = 34,
	DESTINATION_PORT = 36,
	PAYLOAD = 42,
	FIRST_FRESH = 10000,
	FRESH = 50000,
	BUFFER = 64 << 20,
};

struct frame {
	unsigned char bytes[LARGEST];
	size_t length;
	bool fresh;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	ended = 1;
}

static void read_frame(struct frame *frame, const char *hex)
{
	frame->fresh = hex[0] == '+';
	hex += frame->fresh;
	for (; hex[0] != 0 && frame->length < LARGEST; hex += 2)
		if (sscanf(hex, "%2hhx", &frame->bytes[frame->length++]) != 1)
			die(hex);
}

static void send_round(int fd, struct frame *frames, int count, unsigned int round)
{
	unsigned short source = htons(FIRST_FRESH + round % FRESH);
	unsigned int number = htonl(round);

	for (int i = 0; i < count; i++) {
		struct frame *frame = &frames[i];

		if (frame->fresh)
			memcpy(frame->bytes + SOURCE_PORT, &source, sizeof(source));
		memcpy(frame->bytes + frame->length - sizeof(number), &number, sizeof(number));
		if (send(fd, frame->bytes, frame->length, 0) < 0)
			die("send");
	}
}

/* On one CPU, so that no frame overtakes another. */
static void send_rounds(const char *device, long microseconds, int count, char **hex)
{
	static struct frame frames[MOST_FRAMES];
	struct timespec next;
	cpu_set_t cpus;
	unsigned int round = 0;
	int fd = open_packet_socket(device, 0, BUFFER);

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < count; i++)
		read_frame(&frames[i], hex[i]);
	puts("ready");
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (; !ended && round < MOST_ROUNDS; round++) {
		send_round(fd, frames, count, round);
		next.tv_nsec += microseconds * 1000;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("%u\n", round);
}

static void print_heard(unsigned char *const *heard, int fd)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	for (int port = 0; port < 65536; port++) {
		int length = MOST_ROUNDS / 8;

		if (heard[port] == NULL)
			continue;
		while (heard[port][length - 1] == 0)
			length--;
		printf("%d ", port);
		for (int i = 0; i < length; i++)
			printf("%02x", heard[port][i]);
		puts("");
	}
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		die("PACKET_STATISTICS");
	printf("lost %u\n", stats.tp_drops);
}

/* Waits for a numbered frame; returns the port that it is for, -1: it was another one. */
static int hear(int fd, unsigned int *round)
{
	unsigned char frame[LARGEST];
	ssize_t length = recv(fd, frame, sizeof(frame), 0);
	unsigned short port;

	if (length < PAYLOAD + 4 || length > LARGEST || frame[23] != IPPROTO_UDP)
		return -1;
	memcpy(&port, frame + DESTINATION_PORT, sizeof(port));
	memcpy(round, frame + length - sizeof(*round), sizeof(*round));
	*round = ntohl(*round);
	return ntohs(port);
}

static void print_pauses(const char *device, int port, long long nanoseconds)
{
	int fd = open_packet_socket(device, ETH_P_IP, BUFFER);
	long long before = 0, now;
	struct timespec time;
	unsigned int round;

	puts("ready");
	while (!ended) {
		if (hear(fd, &round) != port)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &time);
		now = time.tv_sec * 1000000000LL + time.tv_nsec;
		if (before != 0 && now - before >= nanoseconds)
			printf("%lld %lld\n", before, now);
		before = now;
	}
}

static void count_rounds(const char *device)
{
	static unsigned char *heard[65536];
	int fd = open_packet_socket(device, ETH_P_IP, BUFFER);

	puts("ready");
	while (!ended) {
		unsigned int round;
		int port = hear(fd, &round);

		if (port < 0)
			continue;
		if (round >= MOST_ROUNDS)
			continue;
		if (heard[port] == NULL)
			heard[port] = calloc(MOST_ROUNDS / 8, 1);
		heard[port][round / 8] |= 1 << round % 8;
	}
	print_heard(heard, fd);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };

	sigaction(SIGTERM, &action, NULL);
	setlinebuf(stdout);
	if (argc > 4 && argc - 4 <= MOST_FRAMES && strcmp(argv[1], "send") == 0)
		send_rounds(argv[2], strtol(argv[3], NULL, 10), argc - 4, argv + 4);
	else if (argc == 3 && strcmp(argv[1], "count") == 0)
		count_rounds(argv[2]);
	else if (argc == 5 && strcmp(argv[1], "pauses") == 0)
		print_pauses(argv[2], atoi(argv[3]), atoll(argv[4]) * 1000);
	else
		return 1;
	return 0;
}
