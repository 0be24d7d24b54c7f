/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other work on a core: a process at a real-time priority that is woken every
 * 100 us and says what its CPU did meanwhile.
 *
 * Counted is from the moment at which the waking call has returned, on another
 * CPU, until the process runs. So a part of the wake-up itself is missing, the
 * same for all algorithms. Were it counted from before the call, what counts
 * would be how long the machine below keeps the waking CPU off in it.
 */
#ifndef BENCH_WAITER_H
#define BENCH_WAITER_H

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../emulator/guest/emu.h"

#define WAITER_PERIOD_US	100

/* What a vCPU has done since boot: the test port's reply to "done". */
struct done {
	unsigned long instructions, rmpopt, scans;
};

/* Shared by both. */
struct waiter {
	atomic_int asked, answered;
	struct done ran;
};

static struct waiter *waiter;
static struct done waiter_due, waiter_most;
static unsigned long waiter_wakes;
static int waiter_cpu, waiter_seen;
static pid_t waiter_pid;

static struct done done_by(int cpu)
{
	char request[32], reply[128];
	unsigned long length = 0;
	struct done done = { 0 };

	/* The port cannot page in. */
	memset(reply, 0, sizeof(reply));
	snprintf(request, sizeof(request), "done %d", cpu);
	if (emu_request(request, reply, sizeof(reply) - 1, &length) ||
	    sscanf(reply, "%lu %lu %lu", &done.instructions, &done.rmpopt, &done.scans) != 3) {
		fprintf(stderr, "bench-step: %s: %s\n", request, reply);
		exit(1);
	}
	return done;
}

static void waiter_main(void)
{
	struct sched_param priority = { .sched_priority = 50 };
	cpu_set_t cpu;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mlockall(MCL_CURRENT);
	CPU_ZERO(&cpu);
	CPU_SET(waiter_cpu, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) ||
	    sched_setscheduler(0, SCHED_FIFO, &priority)) {
		perror("bench-step: wait");
		_exit(1);
	}
	for (int next = 1;; next++) {
		while (atomic_load(&waiter->asked) < next)
			syscall(SYS_futex, &waiter->asked, FUTEX_WAIT, next - 1, NULL, NULL, 0);
		waiter->ran = done_by(waiter_cpu);
		atomic_store(&waiter->answered, next);
	}
}

static int waiter_start(int cpu)
{
	waiter = mmap(NULL, sizeof(*waiter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (waiter == MAP_FAILED)
		return -1;
	waiter_cpu = cpu;
	waiter_pid = fork();
	if (!waiter_pid)
		waiter_main();
	/* It begins to wait. */
	usleep(100000);
	return waiter_pid;
}

static unsigned long waiter_least(unsigned long now, unsigned long due)
{
	return now > due ? now - due : 0;
}

/* Once every period: takes the last wake-up's answer, wakes again. */
static void waiter_tick(void)
{
	int answered = atomic_load(&waiter->answered);

	if (answered != waiter_seen) {
		struct done *most = &waiter_most, *ran = &waiter->ran;
		unsigned long of;

		waiter_seen = answered;
		of = waiter_least(ran->instructions, waiter_due.instructions);
		most->instructions = of > most->instructions ? of : most->instructions;
		of = waiter_least(ran->rmpopt, waiter_due.rmpopt);
		most->rmpopt = of > most->rmpopt ? of : most->rmpopt;
		of = waiter_least(ran->scans, waiter_due.scans);
		most->scans = of > most->scans ? of : most->scans;
	}
	if (atomic_load(&waiter->asked) != answered)
		return;
	waiter_wakes++;
	atomic_store(&waiter->asked, answered + 1);
	syscall(SYS_futex, &waiter->asked, FUTEX_WAKE, 1, NULL, NULL, 0);
	waiter_due = done_by(waiter_cpu);
}

static void waiter_stop(void)
{
	for (int i = 0; i < 10000 && atomic_load(&waiter->answered) != atomic_load(&waiter->asked); i++)
		usleep(WAITER_PERIOD_US);
	waiter_tick();
	kill(waiter_pid, SIGKILL);
	waitpid(waiter_pid, NULL, 0);
}

#endif
