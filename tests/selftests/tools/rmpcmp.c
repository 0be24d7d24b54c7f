// SPDX-License-Identifier: GPL-2.0
/*
 * rmpcmp COUNT SEED GIB... - looks COUNT random pages up in configfs rmp_entry
 * and compares each answer with the emulator's.
 *
 * First it gives some blocks of these GiBs random entries behind the kernel's
 * back: 2 MiB and 4 KiB, of guests and of the firmware. At the end it takes them
 * away again. Half of the pages looked up lie in such blocks, some beyond all
 * that the RMP covers.
 *
 * Prints one line with what it has met. Exit status: 0 all equal, 1 not so, 2
 * wrong use.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../emulator/guest/emu.h"

#define ATTRIBUTE	"/sys/kernel/config/rmpopt/rmp_entry"
#define PAGE		(1ull << 12)
#define BLOCK		(1ull << 21)
#define BLOCKS		400
#define PAGES_EACH	6

struct given {
	uint64_t pa;
	bool huge;
};

static struct given given[BLOCKS * PAGES_EACH];
static unsigned int given_count;
static uint64_t *gibs;
static unsigned int gib_count;
static uint64_t state;

static uint64_t roll(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 8) % limit;
}

/* One request to the emulator; the reply ends with a NUL. */
static bool ask(char *reply, size_t size, const char *request)
{
	unsigned long length = 0;
	int result;

	memset(reply, 0, size);
	result = emu_request(request, reply, size - 1, &length);
	if (result == EMU_NO_PORT) {
		fprintf(stderr, "rmpcmp: this is not the emulated host\n");
		exit(2);
	}
	reply[length < size ? length : size - 1] = '\0';
	return !result;
}

static bool emu_entry(uint64_t pa, char *reply, size_t size)
{
	char request[64];

	snprintf(request, sizeof(request), "entry 0x%llx", (unsigned long long)pa);
	return ask(reply, size, request);
}

static void give(uint64_t pa, bool huge)
{
	bool firmware = roll(4) == 0;
	char request[256], reply[256];
	uint64_t gpa = roll(1 << 24) * (huge ? BLOCK : PAGE);

	snprintf(request, sizeof(request),
		 "set-entry 0x%llx assigned=1 size=%s asid=%u immutable=%u gpa=0x%llx vmsa=%u validated=%u",
		 (unsigned long long)pa, huge ? "2m" : "4k",
		 firmware ? 0 : (unsigned int)(1 + roll(1000)),
		 firmware ? 1 : (unsigned int)(roll(8) == 0),
		 firmware ? 0 : (unsigned long long)gpa,
		 (unsigned int)(!firmware && roll(8) == 0),
		 (unsigned int)(!firmware && roll(2)));
	if (!ask(reply, sizeof(reply), request)) {
		fprintf(stderr, "rmpcmp: %s: %s\n", request, reply);
		exit(2);
	}
	given[given_count].pa = pa;
	given[given_count].huge = huge;
	given_count++;
}

static void take_away(void)
{
	char request[128], reply[256];

	while (given_count) {
		given_count--;
		snprintf(request, sizeof(request), "set-entry 0x%llx size=%s",
			 (unsigned long long)given[given_count].pa,
			 given[given_count].huge ? "2m" : "4k");
		ask(reply, sizeof(reply), request);
	}
}

static void prepare(void)
{
	unsigned int i, n;

	for (i = 0; i < BLOCKS; i++) {
		uint64_t block = (gibs[roll(gib_count)] << 30) + roll(512) * BLOCK;
		char reply[256];
		bool held = false;

		/* Leave alone what is the firmware's or another guest's. */
		for (n = 0; n < 512 && !held; n++) {
			emu_entry(block + n * PAGE, reply, sizeof(reply));
			held = !strstr(reply, "assigned=0");
		}
		if (held)
			continue;
		if (roll(2)) {
			give(block, true);
			continue;
		}
		for (n = 0; n < PAGES_EACH; n++)
			give(block + roll(512) * PAGE, false);
	}
}

static uint64_t choose(uint64_t beyond)
{
	switch (roll(8)) {
	case 0:
		/* Beyond what the RMP covers, up to the end of the address space. */
		return beyond + roll(((1ull << 52) - beyond) / PAGE) * PAGE;
	case 1:
	case 2:
	case 3:
		return (gibs[roll(gib_count)] << 30) + roll(1 << 18) * PAGE;
	case 4:
		return given[roll(given_count)].pa;
	default:
		return (given[roll(given_count)].pa & ~(BLOCK - 1)) + roll(512) * PAGE;
	}
}

/* The value of "KEY: value" in the module's text, or of "KEY=value". */
static bool value_of(const char *text, const char *key, char mark, char *out, size_t size)
{
	size_t length = strlen(key);

	while (*text) {
		if (!strncmp(text, key, length) && text[length] == mark) {
			text += length + 1;
			while (*text == ' ')
				text++;
			length = strcspn(text, "\n ");
			snprintf(out, size, "%.*s", (int)length, text);
			return true;
		}
		text += strcspn(text, "\n ");
		text += strspn(text, "\n ");
	}
	return false;
}

static bool lookup(uint64_t pa, char *out, size_t size)
{
	char text[64];
	ssize_t n;
	int fd;

	n = snprintf(text, sizeof(text), roll(2) ? "0x%llx\n" : "%llu\n", (unsigned long long)pa);
	fd = open(ATTRIBUTE, O_WRONLY);
	if (fd < 0 || write(fd, text, n) != n) {
		perror("rmpcmp: writing " ATTRIBUTE);
		exit(2);
	}
	close(fd);
	fd = open(ATTRIBUTE, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, out, size - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		perror("rmpcmp: reading " ATTRIBUTE);
		return false;
	}
	out[n] = '\0';
	return true;
}

static bool equal(uint64_t pa, const char *module, const char *emulator)
{
	static const char * const keys[] = {
		"assigned", "size", "immutable", "asid", "gpa", "owner", "vmsa", "validated",
	};
	char mine[64], theirs[64], want[64];
	unsigned int i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!value_of(module, keys[i], ':', mine, sizeof(mine)) ||
		    !value_of(emulator, keys[i], '=', theirs, sizeof(theirs)))
			return false;
		/* RMPREAD does not tell these two. */
		if (i >= 6 && !strcmp(mine, "unknown"))
			continue;
		if (strcmp(mine, theirs))
			return false;
	}
	snprintf(want, sizeof(want), "0x%llx", (unsigned long long)pa);
	if (!value_of(module, "address", ':', mine, sizeof(mine)) || strcmp(mine, want))
		return false;
	if (strstr(emulator, "size=2m"))
		pa &= ~(BLOCK - 1);
	snprintf(want, sizeof(want), "0x%llx", (unsigned long long)pa);
	return value_of(module, "entry_of", ':', mine, sizeof(mine)) && !strcmp(mine, want);
}

int main(int argc, char **argv)
{
	unsigned int guest = 0, firmware = 0, host = 0, huge = 0, uncovered = 0, differ = 0;
	unsigned long count, i;
	uint64_t beyond = 0;

	if (argc < 4) {
		fprintf(stderr, "usage: rmpcmp COUNT SEED GIB...\n");
		return 2;
	}
	count = strtoul(argv[1], NULL, 0);
	state = strtoull(argv[2], NULL, 0) | 1;
	gib_count = argc - 3;
	gibs = calloc(gib_count, sizeof(*gibs));
	if (!gibs)
		return 2;
	for (i = 0; i < gib_count; i++) {
		gibs[i] = strtoull(argv[3 + i], NULL, 0);
		if ((gibs[i] + 1) << 30 > beyond)
			beyond = (gibs[i] + 1) << 30;
	}

	prepare();
	if (!given_count) {
		fprintf(stderr, "rmpcmp: no free block\n");
		return 2;
	}
	for (i = 0; i < count; i++) {
		char module[4096], emulator[256];
		uint64_t pa = choose(beyond);

		if (!emu_entry(pa, emulator, sizeof(emulator)) ||
		    !lookup(pa, module, sizeof(module)) || !equal(pa, module, emulator)) {
			if (!differ++)
				printf("0x%llx: the emulator says\n%s\nthe module\n%s\n",
				       (unsigned long long)pa, emulator, module);
			continue;
		}
		guest += !!strstr(emulator, "owner=guest");
		firmware += !!strstr(emulator, "owner=firmware");
		host += !!strstr(emulator, "owner=hypervisor");
		huge += !!strstr(emulator, "size=2m");
		uncovered += !!strstr(module, "covered: 0");
	}
	take_away();
	printf("%lu compared: %u guest, %u firmware, %u hypervisor, %u of 2 MiB, %u uncovered, %u differ\n",
	       count, guest, firmware, host, huge, uncovered, differ);
	/* A comparison that has not met each kind proves nothing. */
	return differ || !guest || !firmware || !host || !huge || !uncovered;
}
