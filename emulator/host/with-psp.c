// SPDX-License-Identifier: GPL-2.0
/*
 * with-psp COMMAND ARGUMENT... runs QEMU with the firmware processor's PCI
 * device.
 *
 * The device is QEMU's ivshmem-doorbell: its BAR 2 is plain shared memory, and
 * an eventfd raises its MSI-X interrupt. QEMU gets both from an ivshmem server
 * when it creates the device. All messages of the server are known beforehand:
 * this program writes them into a socket pair, and then executes QEMU with the
 * other end. The plugin finds the descriptors by their numbers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The numbers of the descriptors in QEMU: scripts/host names them in its options. */
#define SOCKET	20
#define SERVER	21
#define MEMORY	22
#define EVENT	23

/*
 * The size of BAR 2, and its content at the start. The plugin reads the size and
 * the mark from this text: see src/header.rs.
 */
#define BAR_BYTES	0x100000
#define MARK		"rmpopt-psp-bar2"
#define FEATURES	0x109fc
#define FEATURE_SEV	1

static void die(const char *what)
{
	fprintf(stderr, "with-psp: %s: %s\n", what, strerror(errno));
	exit(64);
}

/* Gives a descriptor a fixed number. The descriptor stays open in QEMU. */
static void put_at(int fd, int number)
{
	if (dup2(fd, number) < 0)
		die("dup2");
	close(fd);
}

/* Sends a message of the ivshmem server: 8 bytes, and perhaps a descriptor. */
static void say(int64_t number, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec part = { &number, sizeof(number) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *head = (struct cmsghdr *)control;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	if (sendmsg(SERVER, &message, 0) != sizeof(number))
		die("sendmsg");
}

int main(int argc, char **argv)
{
	uint32_t features = FEATURE_SEV;
	int pair[2], fd;

	if (argc < 2) {
		fprintf(stderr, "usage: with-psp COMMAND ARGUMENT...\n");
		return 64;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	put_at(pair[0], SOCKET);
	put_at(pair[1], SERVER);
	fd = memfd_create("psp", 0);
	if (fd < 0 || ftruncate(fd, BAR_BYTES) ||
	    pwrite(fd, MARK, sizeof(MARK), 0) != sizeof(MARK) ||
	    pwrite(fd, &features, sizeof(features), FEATURES) != sizeof(features))
		die("the memory of BAR 2");
	put_at(fd, MEMORY);
	fd = eventfd(0, EFD_NONBLOCK);
	if (fd < 0)
		die("eventfd");
	put_at(fd, EVENT);

	/* The version, the client's number, the memory, the client's only vector. */
	say(0, -1);
	say(0, -1);
	say(-1, MEMORY);
	say(0, EVENT);

	execvp(argv[1], argv + 1);
	die(argv[1]);
}
