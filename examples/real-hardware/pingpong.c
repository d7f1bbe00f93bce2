/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pingpong serve PORT
 *     sends back every message of every connection, one connection at a time. Prints a line once it listens.
 * pingpong ask ADDRESS PORT [ROUNDS [LARGEST]]
 *     sends messages over one TCP connection, of 1, 2, 3, 4, 6, 8, 12 ... bytes up to LARGEST (1 MiB), each size
 *     ROUNDS times (1000; fewer of large ones), and waits for each to come back. A line for each size: bytes, rounds,
 *     half of a round in microseconds (least, median, 99th percentile, most), and Mbit/s by the median.
 * ADDRESS is IPv4 or IPv6.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	LARGEST = 1 << 20,
	ROUNDS = 1000,
	FEWEST = 20,
	WARM_UP = 10,
	MOST_BYTES = 64 << 20,	/* of one size, so that large ones end */
};

struct header {
	uint32_t length;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void at_once(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		die("TCP_NODELAY");
}

/* 0: the other end closed before the first byte */
static int take(int fd, void *into, size_t length)
{
	size_t got = 0;

	while (got < length) {
		ssize_t n = recv(fd, (char *)into + got, length - got, 0);

		if (n == 0 && got == 0)
			return 0;
		if (n <= 0)
			die(n == 0 ? "closed in the middle" : "recv");
		got += n;
	}
	return 1;
}

static void give(int fd, const void *from, size_t length)
{
	for (size_t sent = 0; sent < length;) {
		ssize_t n = send(fd, (const char *)from + sent, length - sent, MSG_NOSIGNAL);

		if (n < 0)
			die("send");
		sent += n;
	}
}

/* What comes first of a message says how long the rest is; all of it goes back. */
static void answer(int fd, char *message)
{
	struct header *head = (struct header *)message;

	at_once(fd);
	while (take(fd, head, sizeof(*head))) {
		uint32_t length = ntohl(head->length);

		if (length == 0 || length > LARGEST || !take(fd, head + 1, length))
			break;
		give(fd, message, sizeof(*head) + length);
	}
	close(fd);
}

static void serve(const char *port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
	int one = 1, zero = 0, listener = socket(AF_INET6, SOCK_STREAM, 0);
	static _Alignas(struct header) char message[sizeof(struct header) + LARGEST];

	at.sin6_port = htons(strtoul(port, NULL, 10));
	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 16))
		die(port);
	puts("listens");
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		answer(fd, message);
	}
}

static int reach(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
	int fd, error = getaddrinfo(address, port, &hints, &found);

	if (error) {
		fprintf(stderr, "%s port %s: %s\n", address, port, gai_strerror(error));
		exit(1);
	}
	fd = socket(found->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		die(address);
	freeaddrinfo(found);
	at_once(fd);
	return fd;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One message there and back; half of what it took. */
static double bounce(int fd, char *message, uint32_t length)
{
	struct header *head = (struct header *)message;
	double began = now_us();

	head->length = htonl(length);
	give(fd, message, sizeof(*head) + length);
	if (!take(fd, message, sizeof(*head) + length)) {
		fputs("the other end closed\n", stderr);
		exit(1);
	}
	return (now_us() - began) / 2;
}

static void measure(int fd, char *message, uint32_t length, unsigned int rounds)
{
	double *half = calloc(rounds, sizeof(*half));

	if (!half)
		die("calloc");
	for (unsigned int i = 0; i < WARM_UP; i++)
		bounce(fd, message, length);
	for (unsigned int i = 0; i < rounds; i++)
		half[i] = bounce(fd, message, length);
	qsort(half, rounds, sizeof(*half), by_value);
	printf("%u %u %.1f %.1f %.1f %.1f %.1f\n", length, rounds, half[0], half[rounds / 2],
	       half[rounds * 99 / 100], half[rounds - 1], length * 8.0 / half[rounds / 2]);
	fflush(stdout);
	free(half);
}

static void ask(int fd, unsigned int rounds, uint32_t largest)
{
	char *message = calloc(1, sizeof(struct header) + largest);

	if (!message)
		die("calloc");
	puts("# bytes rounds least_us median_us p99_us most_us Mbit/s");
	for (uint32_t power = 1; power <= largest; power *= 2) {
		uint32_t sizes[] = {power, power / 2 * 3};

		for (int i = 0; i < (power > 1 ? 2 : 1) && sizes[i] <= largest; i++) {
			unsigned int most = MOST_BYTES / sizes[i] > FEWEST ? MOST_BYTES / sizes[i] : FEWEST;

			measure(fd, message, sizes[i], rounds < most ? rounds : most);
		}
	}
	free(message);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : ROUNDS;
	unsigned long largest = argc > 5 ? strtoul(argv[5], NULL, 10) : LARGEST;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc < 4 || argc > 6 || strcmp(argv[1], "ask") || rounds < 1 || rounds > 10000000 ||
	    largest < 1 || largest > LARGEST) {
		fputs("usage: pingpong serve PORT | pingpong ask ADDRESS PORT [ROUNDS [LARGEST]]\n", stderr);
		return 2;
	}
	ask(reach(argv[2], argv[3]), rounds, largest);
	return 0;
}
