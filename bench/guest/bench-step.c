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

#include "../../emulator/guest/emu.h"

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
};

static struct interrupts before, after;
static struct action first[ACTIONS_MAX], then[ACTIONS_MAX];
static unsigned int firsts, thens;
static char text[1 << 20], request[128], reply[4096];
static int regions[REGIONS_MAX];
static unsigned int region_count;

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

int main(int argc, char **argv)
{
	const char *idle = NULL, *name = argv[1];
	long last_ms = 0, every_ms = 300, within_ms = 60000, begin, end, given_back, optimised = 0;
	unsigned int threads = getenv("THREADS") ? atoi(getenv("THREADS")) : 1;
	unsigned int done = 0;
	unsigned long polls = 0;
	char all[32], words[64];
	cpu_set_t cpu;
	int i;

	if (argc < 2)
		return 2;
	for (i = 2; i + 1 < argc; i += 2) {
		const char *word = argv[i];

		if (!strcmp(word, "before") && i + 2 < argc && firsts < ACTIONS_MAX) {
			first[firsts++] = (struct action){ argv[i + 1], argv[i + 2] };
			i++;
		} else if (!strcmp(word, "port") && firsts < ACTIONS_MAX) {
			first[firsts++] = (struct action){ NULL, argv[i + 1] };
		} else if (!strcmp(word, "write") && i + 2 < argc && thens < ACTIONS_MAX) {
			then[thens++] = (struct action){ argv[i + 1], argv[i + 2] };
			i++;
		} else if (!strcmp(word, "idle")) {
			idle = argv[i + 1];
		} else if (!strcmp(word, "regions")) {
			for (char *at = argv[i + 1]; *at && region_count < REGIONS_MAX;) {
				regions[region_count++] = strtol(at, &at, 10);
				at += *at == ',';
			}
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
	if (before.cpus / threads > 1)
		snprintf(all, sizeof(all), "0-%u", before.cpus / threads - 1);
	else
		strcpy(all, "0");
	CPU_ZERO(&cpu);
	CPU_SET(before.cpus - 1, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("go to", "the last CPU");
	/* Nothing is paged in during the measurement, and the port cannot page in at all. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	memset(reply, 0, sizeof(reply));
	memset(request, 0, sizeof(request));
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);

	for (i = 0; i < (int)firsts; i++)
		act(&first[i]);
	given_back = now_us();
	read_interrupts(&before);
	port("reset");
	begin = now_us();
	for (i = 0; i < (int)thens; i++)
		act(&then[i]);
	for (;;) {
		int pending = 0;

		/* Regions are never lost here: those seen once are through. */
		while (done < region_count && all_have(regions[done], all))
			done++;
		end = now_us();
		if (done < region_count)
			pending = 1;
		else if (region_count && !optimised)
			optimised = end;
		pending |= !pending && idle && !is_idle(idle);
		if (!pending && end - begin >= last_ms * 1000)
			break;
		if (end - begin > within_ms * 1000) {
			printf("late %s regions=%u of %u\n", name, done, region_count);
			break;
		}
		polls++;
		usleep(every_ms * 1000);
	}
	snprintf(words, sizeof(words), "take %s", name);
	port(words);
	read_interrupts(&after);

	printf("step %s us=%ld optimised_us=%ld polls=%lu\n", name, end - begin,
	       optimised ? optimised - given_back : 0, polls);
	print_interrupts("cal", name, before.cal, after.cal);
	print_interrupts("res", name, before.res, after.res);
	return 0;
}
