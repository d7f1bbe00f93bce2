/* SPDX-License-Identifier: GPL-2.0 */
/*
 * frames send DEVICE HEX...         sends each frame as it is given
 * frames listen DEVICE [PROTOCOL]   prints each frame that arrives, in hex, until it is ended; says
 *                                   "ready" first. Frames that the box itself sends are left out.
 */
#include <string.h>
#include <unistd.h>
#include "../../native/packet-socket.h"

enum { LARGEST = 9216 };

static void send_frame(int fd, const char *hex)
{
	unsigned char frame[LARGEST];
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length && i < LARGEST; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &frame[i]) != 1)
			die(hex);
	if (send(fd, frame, length, 0) < 0)
		die("send");
}

static void print_frames(int fd)
{
	unsigned char frame[LARGEST];

	puts("ready");
	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);

		if (length < 0)
			die("recvfrom");
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (ssize_t i = 0; i < length; i++)
			printf("%02x", frame[i]);
		puts("");
	}
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 3 && strcmp(argv[1], "send") == 0) {
		int fd = open_packet_socket(argv[2], 0, 0);

		for (int i = 3; i < argc; i++)
			send_frame(fd, argv[i]);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "listen") == 0)
		print_frames(open_packet_socket(
			argv[2], argc > 3 ? strtoul(argv[3], NULL, 0) : ETH_P_ALL, 0));
	fprintf(stderr, "frames send DEVICE HEX... | frames listen DEVICE [PROTOCOL]\n");
	return 1;
}
