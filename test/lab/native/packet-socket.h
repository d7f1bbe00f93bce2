/* SPDX-License-Identifier: GPL-2.0 */
/* A packet socket bound to a device, for the programs of the labs; what fails ends the program. */
#ifndef BW_PACKET_SOCKET_H
#define BW_PACKET_SOCKET_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* What is opened from here on is of the network namespace at that path. */
static inline void enter_namespace(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

/* `receive`: bytes of its receive buffer, 0: as many as the kernel gives. */
static int open_packet_socket(const char *device, unsigned int protocol, int receive)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = if_nametoindex(device),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || address.sll_ifindex == 0)
		die(device);
	if (receive > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
		die("SO_RCVBUFFORCE");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	return fd;
}

#endif
