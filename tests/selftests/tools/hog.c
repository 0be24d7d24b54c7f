// SPDX-License-Identifier: GPL-2.0
/*
 * hog - has a CPU for itself under SCHED_FIFO until it is killed.
 *
 *   hog CPU PRIORITY
 *
 * It prints "ready", sleeps until SIGUSR1, and takes the CPU at once then. Nothing of a
 * lower priority runs there any more; the kernel's fair server has to be switched off for
 * that.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct sched_param param = {};
	sigset_t signals;
	cpu_set_t set;
	int signal;

	if (argc != 3) {
		fputs("usage: hog CPU PRIORITY\n", stderr);
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	param.sched_priority = atoi(argv[2]);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("hog");
		return 1;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&signals, &signal);
	for (;;)
		__asm__ volatile("pause");
}
