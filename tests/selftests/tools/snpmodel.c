// SPDX-License-Identifier: GPL-2.0
/*
 * snpmodel - prints what the processor offers, by the emulator's names:
 *
 *   zen6   RMPOPT
 *   zen5   RMPREAD, no RMPOPT
 *   zen4   SEV-SNP, no RMPREAD
 *   none   no SEV-SNP
 *
 * Reads /dev/cpu/0/cpuid, so that the kernel executes CPUID: that is what the
 * module sees. Exit status: 0, or 1 without that file (modprobe cpuid).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEAF_EXTENDED	0x80000000u
#define LEAF_ENCRYPTION	0x8000001fu
#define LEAF_RMP	0x80000025u

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

static struct leaf cpuid(int fd, uint32_t number)
{
	struct leaf leaf;

	if (pread(fd, &leaf, sizeof(leaf), number) != sizeof(leaf))
		memset(&leaf, 0, sizeof(leaf));
	return leaf;
}

int main(void)
{
	int fd = open("/dev/cpu/0/cpuid", O_RDONLY | O_CLOEXEC);
	const char *model = "none";
	uint32_t last, encryption;
	struct leaf vendor;

	if (fd < 0) {
		perror("snpmodel: /dev/cpu/0/cpuid");
		return 1;
	}
	vendor = cpuid(fd, 0);
	last = cpuid(fd, LEAF_EXTENDED).eax;
	encryption = last >= LEAF_ENCRYPTION ? cpuid(fd, LEAF_ENCRYPTION).eax : 0;
	if (memcmp(&vendor.ebx, "Auth", 4))
		encryption = 0;

	if (encryption & (1u << 4)) {
		model = "zen4";
		if (encryption & (1u << 21))
			model = "zen5";
		if (last >= LEAF_RMP && cpuid(fd, LEAF_RMP).edx & 1)
			model = "zen6";
	}
	puts(model);
	return 0;
}
