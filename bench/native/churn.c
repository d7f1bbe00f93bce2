/* SPDX-License-Identifier: GPL-2.0 */
/*
 * churn serve PORT
 *     echoes what it is told until the other end closes. Prints a line once it listens.
 * churn open ADDRESS PORT TOGETHER MILLISECONDS
 *     opens connections, so many at a time: says a word over each, waits for it, closes, and opens the next one.
 *     Prints how many came to their end, how many failed, and the milliseconds that it took.
 * Both do little else, so that what lies between them is what limits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clock.h"

enum { EVENTS = 256, BACKLOG = 4096, WORD = 6 };

static int poller;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int fd, uint32_t events, int op)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, op, fd, &e))
		die("epoll_ctl");
}

static int new_socket(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static void take_in(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		watch(fd, EPOLLIN, EPOLL_CTL_ADD);
}

static void echo(int fd)
{
	char word[64];
	ssize_t n = read(fd, word, sizeof(word));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || write(fd, word, n) != n)
		close(fd);
}

static void serve(const struct sockaddr_in *at)
{
	int listener = new_socket();
	struct epoll_event events[EVENTS];

	if (bind(listener, (const struct sockaddr *)at, sizeof(*at)) || listen(listener, BACKLOG))
		die("listen");
	watch(listener, EPOLLIN, EPOLL_CTL_ADD);
	puts("listens");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take_in(listener);
			else
				echo(events[i].data.fd);
		}
	}
}

static bool begin(const struct sockaddr_in *at)
{
	int fd = new_socket();

	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) && errno != EINPROGRESS) {
		close(fd);
		return false;
	}
	watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
	return true;
}

/* -1 it failed, 1 it has had its word, 0 it goes on */
static int go_on(int fd, uint32_t events)
{
	char word[WORD] = "a word";

	if (events & (EPOLLERR | EPOLLHUP))
		return -1;
	if (events & EPOLLOUT) {
		watch(fd, EPOLLIN, EPOLL_CTL_MOD);
		return write(fd, word, WORD) == WORD ? 0 : -1;
	}
	return read(fd, word, WORD) == WORD ? 1 : -1;
}

static void open_all(const struct sockaddr_in *at, unsigned int together, uint64_t until)
{
	unsigned int done = 0, failed = 0, running = 0;
	uint64_t began = now_ns();
	struct epoll_event events[EVENTS];

	while (running > 0 || now_ns() < until) {
		while (running < together && now_ns() < until) {
			if (!begin(at)) {
				failed++;
				break;
			}
			running++;
		}
		/* One whose SYN was lost may take seconds: they are not waited for. */
		int n = epoll_wait(poller, events, EVENTS, 1);

		if (n <= 0 && now_ns() > until + 1000000000)
			break;
		for (int i = 0; i < n; i++) {
			int end = go_on(events[i].data.fd, events[i].events);

			if (end == 0)
				continue;
			close(events[i].data.fd);
			running--;
			done += end > 0;
			failed += end < 0;
		}
	}
	printf("%u %u %lu\n", done, failed + running, (unsigned long)((until - began) / 1000000));
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	bool server = argc == 3 && strcmp(argv[1], "serve") == 0;

	if (!server && (argc != 6 || strcmp(argv[1], "open"))) {
		fputs("usage: churn serve PORT | churn open ADDRESS PORT TOGETHER MILLISECONDS\n", stderr);
		return 2;
	}
	poller = epoll_create1(0);
	at.sin_port = htons(strtoul(argv[server ? 2 : 3], NULL, 10));
	if (server)
		serve(&at);
	if (inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		die(argv[2]);
	open_all(&at, strtoul(argv[4], NULL, 10),
		 now_ns() + strtoul(argv[5], NULL, 10) * 1000000ull);
	return 0;
}
