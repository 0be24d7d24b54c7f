// SPDX-License-Identifier: GPL-2.0
/*
 * bench-step NAME [OPTION...]: one measured step of the bench, in the guest.
 *
 *   before FILE TEXT   write TEXT to FILE before the measurement begins
 *   port REQUEST       send it to the emulator before the measurement begins
 *   write FILE TEXT    what is measured begins with this write
 *   idle FILE          it lasts until FILE reads "idle"
 *   regions LIST       ... until every core has these regions (3,8,11) optimised
 *   last MS            ... and at least so long
 *   at MS FILE TEXT    write TEXT to FILE so long after the beginning; in the
 *                      order of the options, and it lasts until all are done
 *   watch LIST         add up how long these regions hold no assigned page, and
 *                      how long cores have them optimised meanwhile
 *   wait CPU           on that CPU a real-time process is woken all the time, and
 *                      what it waited for is counted (waiter.h)
 *   every MS           look so often whether it is through (300)
 *   within MS          give up after so long (60,000)
 *
 * A program of its own, because what a shell does in between (fork, exec, page
 * faults) would be most of what is counted. It stays on the last CPU. Its own
 * share is the same in a step that does nothing: the idle baseline. It looks
 * seldom, because each look costs as much as a part of a pass.
 *
 * Prints, for the report:
 *   step NAME us=DURATION optimised_us=N polls=N (from the last write of
 *                      "before" until all cores had the regions)
 *   watched NAME free_us=N optimised_us=N
 *                      sums over the regions; optimised_us is the cores' mean
 *   waited NAME instructions=N rmpopt=N scans=N wakes=N
 *                      what the CPU did at most before the process ran
 *   cal NAME N N ...   function-call interrupts, by CPU
 *   res NAME N N ...   reschedule interrupts, by CPU
 * and keeps the emulator's counters under NAME in its report.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "waiter.h"

#define CPUS_MAX	1024
#define REGIONS_MAX	1024
#define ACTIONS_MAX	1200

struct interrupts {
	unsigned int cpus;
	unsigned long cal[CPUS_MAX], res[CPUS_MAX];
};

/* A write, or without a file a request to the emulator. */
struct action {
	const char *file, *text;
	long ms;
};

static struct interrupts before, after;
static struct action first[ACTIONS_MAX], then[ACTIONS_MAX], later[ACTIONS_MAX];
static unsigned int firsts, thens, laters;
static char text[1 << 20], request[128], reply[4096];
static int regions[REGIONS_MAX], watched[REGIONS_MAX];
static unsigned int region_count, watched_count;
static double free_us, optimised_us;

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "bench-step: %s %s: %s\n", what, which, strerror(errno));
	exit(1);
}

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static int port(const char *words)
{
	unsigned long length = 0;
	int result;

	snprintf(request, sizeof(request), "%s", words);
	result = emu_request(request, reply, sizeof(reply) - 1, &length);
	if (result == EMU_NO_PORT) {
		errno = ENODEV;
		fail("port", words);
	}
	reply[length] = '\0';
	return result;
}

static void act(const struct action *a)
{
	int fd;

	if (!a->file) {
		if (!port(a->text))
			return;
		fprintf(stderr, "bench-step: %s: %s\n", a->text, reply);
		exit(1);
	}
	fd = open(a->file, O_WRONLY);
	if (fd < 0 || write(fd, a->text, strlen(a->text)) < 0)
		fail(a->text, a->file);
	close(fd);
}

static void line_of(const char *name, unsigned long *counts, unsigned int cpus)
{
	char *at = strstr(text, name);
	unsigned int i;

	if (!at)
		return;
	at += strlen(name);
	for (i = 0; i < cpus; i++)
		counts[i] = strtoul(at, &at, 10);
}

static void read_interrupts(struct interrupts *all)
{
	int fd = open("/proc/interrupts", O_RDONLY);
	size_t length = 0;
	ssize_t got;

	if (fd < 0)
		fail("read", "/proc/interrupts");
	while (length < sizeof(text) - 1 &&
	       (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += got;
	close(fd);
	text[length] = '\0';

	all->cpus = 0;
	for (char *at = text; (at = strstr(at, "CPU")) && at < strchr(text, '\n'); at += 3)
		all->cpus++;
	if (all->cpus > CPUS_MAX)
		all->cpus = CPUS_MAX;
	line_of("CAL:", all->cal, all->cpus);
	line_of("RES:", all->res, all->cpus);
}

static void print_interrupts(const char *kind, const char *name, const unsigned long *from,
			     const unsigned long *to)
{
	unsigned int i;

	printf("%s %s", kind, name);
	for (i = 0; i < after.cpus; i++)
		printf(" %lu", to[i] - from[i]);
	printf("\n");
}

static int is_idle(const char *file)
{
	char state[64];
	int fd = open(file, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		fail("open", file);
	got = read(fd, state, sizeof(state));
	close(fd);
	return got >= 4 && !memcmp(state, "idle", 4);
}

/* The cores that have a region: a list such as "0-7". */
static int all_have(int region, const char *all)
{
	char words[64];

	snprintf(words, sizeof(words), "optimised %d", region);
	port(words);
	return !strcmp(reply, all);
}

/* How many numbers a list such as "0-3,7" has. */
static unsigned int count(const char *list)
{
	unsigned int n = 0;

	while (*list >= '0' && *list <= '9') {
		char *end;
		long from = strtol(list, &end, 10), to = from;

		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		n += to - from + 1;
		list = end + (*end == ',');
	}
	return n;
}

/* Until now the watched regions were what they were at the last look. */
static void watch(unsigned int cores)
{
	static double free_then, optimised_then;
	static long then_us;
	long now = now_us();
	char words[64];

	free_us += free_then * (now - then_us);
	optimised_us += optimised_then * (now - then_us);
	then_us = now;
	free_then = optimised_then = 0;
	for (unsigned int i = 0; i < watched_count; i++) {
		snprintf(words, sizeof(words), "assigned %d", watched[i]);
		port(words);
		if (strtol(reply, NULL, 10))
			continue;
		free_then++;
		snprintf(words, sizeof(words), "optimised %d", watched[i]);
		port(words);
		optimised_then += (double)count(reply) / cores;
	}
}

static unsigned int read_list(const char *at, int *list)
{
	unsigned int n = 0;
	char *end;

	while (*at && n < REGIONS_MAX) {
		list[n++] = strtol(at, &end, 10);
		at = end + (*end == ',');
	}
	return n;
}

static void go_to(unsigned int number)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(number, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("go to", "a CPU");
}

/* What is measured begins. A process of its own, where a wake-up must not wait for it. */
static pid_t begin_all(int alone)
{
	pid_t pid = alone ? fork() : 0;

	if (pid)
		return pid;
	/* Neither on the CPU that wakes nor on the one that is woken. */
	if (alone)
		go_to(1);
	for (unsigned int i = 0; i < thens; i++)
		act(&then[i]);
	if (alone)
		_exit(0);
	return 0;
}

int main(int argc, char **argv)
{
	const char *idle = NULL, *name = argv[1];
	long last_ms = 0, every_ms = 300, within_ms = 60000, begin, end, given_back, optimised = 0;
	unsigned int threads = getenv("THREADS") ? atoi(getenv("THREADS")) : 1;
	unsigned int done = 0, acted = 0, cores;
	unsigned long polls = 0;
	int waits = -1, status = 0;
	pid_t writer;
	char all[32], words[64];
	int i;

	if (argc < 2)
		return 2;
	for (i = 2; i + 1 < argc; i += 2) {
		const char *word = argv[i];

		if (!strcmp(word, "before") && i + 2 < argc && firsts < ACTIONS_MAX) {
			first[firsts++] = (struct action){ argv[i + 1], argv[i + 2], 0 };
			i++;
		} else if (!strcmp(word, "port") && firsts < ACTIONS_MAX) {
			first[firsts++] = (struct action){ NULL, argv[i + 1], 0 };
		} else if (!strcmp(word, "write") && i + 2 < argc && thens < ACTIONS_MAX) {
			then[thens++] = (struct action){ argv[i + 1], argv[i + 2], 0 };
			i++;
		} else if (!strcmp(word, "idle")) {
			idle = argv[i + 1];
		} else if (!strcmp(word, "regions")) {
			region_count = read_list(argv[i + 1], regions);
		} else if (!strcmp(word, "watch")) {
			watched_count = read_list(argv[i + 1], watched);
		} else if (!strcmp(word, "at") && i + 3 < argc && laters < ACTIONS_MAX) {
			later[laters++] = (struct action){ argv[i + 2], argv[i + 3],
							   atol(argv[i + 1]) };
			i += 2;
		} else if (!strcmp(word, "wait")) {
			waits = atoi(argv[i + 1]);
		} else if (!strcmp(word, "last")) {
			last_ms = atol(argv[i + 1]);
		} else if (!strcmp(word, "every")) {
			every_ms = atol(argv[i + 1]);
		} else if (!strcmp(word, "within")) {
			within_ms = atol(argv[i + 1]);
		} else {
			fprintf(stderr, "bench-step: what is \"%s\"?\n", word);
			return 2;
		}
	}

	read_interrupts(&before);
	cores = before.cpus / threads;
	if (cores > 1)
		snprintf(all, sizeof(all), "0-%u", cores - 1);
	else
		strcpy(all, "0");
	go_to(before.cpus - 1);
	/* Nothing is paged in during the measurement, and the port cannot page in at all. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	memset(reply, 0, sizeof(reply));
	memset(request, 0, sizeof(request));
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);

	if (waits >= 0 && waiter_start(waits) < 0)
		fail("wait on", "that CPU");
	for (i = 0; i < (int)firsts; i++)
		act(&first[i]);
	given_back = now_us();
	read_interrupts(&before);
	port("reset");
	begin = now_us();
	writer = begin_all(waits >= 0);
	for (;;) {
		int pending = 0;

		while (acted < laters && now_us() - begin >= later[acted].ms * 1000) {
			act(&later[acted++]);
			watch(cores);
		}
		watch(cores);
		for (end = now_us(); waits >= 0 && now_us() - end < every_ms * 1000;) {
			waiter_tick();
			usleep(WAITER_PERIOD_US);
		}
		if (writer && waitpid(writer, &status, WNOHANG) == writer)
			writer = 0;
		if (status)
			return 1;
		/* Regions are never lost here: those seen once are through. */
		while (done < region_count && all_have(regions[done], all))
			done++;
		end = now_us();
		if (done < region_count)
			pending = 1;
		else if (region_count && !optimised)
			optimised = end;
		pending |= acted < laters || writer;
		pending |= !pending && idle && !is_idle(idle);
		if (!pending && end - begin >= last_ms * 1000)
			break;
		if (end - begin > within_ms * 1000) {
			printf("late %s regions=%u of %u\n", name, done, region_count);
			break;
		}
		polls++;
		if (waits < 0)
			usleep(every_ms * 1000);
	}
	if (waits >= 0)
		waiter_stop();
	snprintf(words, sizeof(words), "take %s", name);
	port(words);
	read_interrupts(&after);

	printf("step %s us=%ld optimised_us=%ld polls=%lu\n", name, end - begin,
	       optimised ? optimised - given_back : 0, polls);
	if (watched_count)
		printf("watched %s free_us=%.0f optimised_us=%.0f\n", name, free_us, optimised_us);
	if (waits >= 0)
		printf("waited %s instructions=%lu rmpopt=%lu scans=%lu wakes=%lu\n", name,
		       waiter_most.instructions, waiter_most.rmpopt, waiter_most.scans,
		       waiter_wakes);
	print_interrupts("cal", name, before.cal, after.cal);
	print_interrupts("res", name, before.res, after.res);
	return 0;
}
