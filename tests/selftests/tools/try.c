// SPDX-License-Identifier: GPL-2.0
/*
 * try - makes one system call and prints how it ended: "ok" or the errno's name.
 *
 *   try write FILE TEXT       one write(2) of TEXT and a newline
 *   try rawwrite FILE TEXT    one write(2) of TEXT alone; TEXT may be empty
 *   try read FILE             reads the whole file, shows nothing of it
 *   try open FILE r|w|rw      open(2) alone
 *   try map FILE              mmap(2) of one page for reading
 *   try insmod FILE [ARGS]    one finit_module(2) (busybox insmod makes two calls)
 *   try rmmod NAME            delete_module(2), without waiting
 *
 * "as UID" in front runs it as that user. The exit status is 0 whenever the
 * call was made, 2 for bad use: the printed word is the result to compare.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int say(bool good)
{
	const char *name = strerrorname_np(errno);

	puts(good ? "ok" : name ? name : "unknown errno");
	return 0;
}

static int usage(void)
{
	fputs("usage: try [as UID] write|rawwrite|read|open|map|insmod|rmmod ARG...\n", stderr);
	return 2;
}

static int open_as(const char *file, const char *how)
{
	int flags = O_RDONLY;

	if (!strcmp(how, "w"))
		flags = O_WRONLY;
	else if (!strcmp(how, "rw"))
		flags = O_RDWR;

	return open(file, flags | O_CLOEXEC);
}

static int try_write(const char *file, const char *text, bool newline)
{
	int fd = open_as(file, "w");
	char buf[8192];
	ssize_t len;
	int n;

	if (fd < 0)
		return say(false);

	n = snprintf(buf, sizeof(buf), newline ? "%s\n" : "%s", text);
	if (n < 0 || n >= (int)sizeof(buf))
		return usage();

	len = write(fd, buf, n);
	if (len >= 0 && len != n) {
		printf("short write: %zd of %d\n", len, n);
		return 0;
	}
	return say(len == n);
}

static int try_read(const char *file)
{
	int fd = open_as(file, "r");
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return say(false);

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0);

	return say(n == 0);
}

static int try_map(const char *file)
{
	int fd = open_as(file, "r");

	if (fd < 0)
		return say(false);

	return say(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
}

static int try_insmod(int argc, char **argv)
{
	char args[1024] = "";
	int fd = open_as(argv[0], "r");
	int i;

	if (fd < 0)
		return say(false);

	for (i = 1; i < argc; i++) {
		size_t used = strlen(args);

		snprintf(args + used, sizeof(args) - used, "%s%s", used ? " " : "", argv[i]);
	}

	return say(!syscall(SYS_finit_module, fd, args, 0));
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "as")) {
		uid_t uid = strtoul(argv[2], NULL, 10);

		if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)) {
			perror("try: cannot change the user");
			return 2;
		}
		argc -= 2;
		argv += 2;
	}

	if (argc == 4 && !strcmp(argv[1], "write"))
		return try_write(argv[2], argv[3], true);
	if (argc == 4 && !strcmp(argv[1], "rawwrite"))
		return try_write(argv[2], argv[3], false);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return try_read(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "open"))
		return say(open_as(argv[2], argv[3]) >= 0);
	if (argc == 3 && !strcmp(argv[1], "map"))
		return try_map(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "insmod"))
		return try_insmod(argc - 2, argv + 2);
	if (argc == 3 && !strcmp(argv[1], "rmmod"))
		return say(!syscall(SYS_delete_module, argv[2], O_NONBLOCK));

	return usage();
}
