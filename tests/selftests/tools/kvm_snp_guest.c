// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_snp_guest [OPTION...]: an SNP guest through /dev/kvm, whose vCPU never
 * runs. It is launched with pages that the firmware fills, and has the rest of
 * its memory by KVM_PRE_FAULT_MEMORY. Then it takes one command a line from
 * stdin and answers "ok" or "error: WHAT: ERRNO":
 *
 *	punch FIRST COUNT	a hole in its memory, in pages
 *	shared FIRST COUNT	memory attributes: shared
 *	private FIRST COUNT	private again
 *	fault FIRST COUNT	KVM_PRE_FAULT_MEMORY
 *	close vcpu|vm|memory	a descriptor
 *
 * It ends when stdin does. Before the first command it says "ready".
 *
 *	-m MIB		memory, 8
 *	-u PAGES	pages for the firmware to fill, 16
 *	-n NODE		memory from that NUMA node
 *	-s		stop before KVM_SEV_SNP_LAUNCH_FINISH: no -m beyond -u
 *	-1		one KVM_SEV_SNP_LAUNCH_UPDATE a page, not one for all
 */
#define _GNU_SOURCE
#include <asm/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE		4096UL
/* A policy with the bit that has to be set, and SMT allowed. */
#define POLICY		(1UL << 17 | 1UL << 16)
/* Where guest memory begins in the guest. */
#define START		(1UL << 30)
#define MPOL_BIND	2

static int kvm, sev, vm = -1, vcpu = -1, memory = -1;
static uint64_t bytes = 8UL << 20;

static void die(const char *what)
{
	printf("error: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int sev_command(unsigned int id, void *data)
{
	struct kvm_sev_cmd command = {
		.id = id,
		.data = (uintptr_t)data,
		.sev_fd = sev,
	};
	int result = ioctl(vm, KVM_MEMORY_ENCRYPT_OP, &command);

	if (result && command.error)
		printf("firmware error %#x\n", command.error);
	return result;
}

static int attributes(uint64_t first, uint64_t count, uint64_t value)
{
	struct kvm_memory_attributes range = {
		.address = START + first * PAGE,
		.size = count * PAGE,
		.attributes = value,
	};

	return ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &range);
}

static int punch(uint64_t first, uint64_t count)
{
	return fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 first * PAGE, count * PAGE);
}

static int fault(uint64_t first, uint64_t count)
{
	struct kvm_pre_fault_memory range = {
		.gpa = START + first * PAGE,
		.size = count * PAGE,
	};

	while (range.size) {
		if (ioctl(vcpu, KVM_PRE_FAULT_MEMORY, &range) && errno != EINTR &&
		    errno != EAGAIN)
			return -1;
	}
	return 0;
}

static int close_one(const char *which)
{
	int *fd = !strcmp(which, "vcpu") ? &vcpu :
		  !strcmp(which, "vm") ? &vm :
		  !strcmp(which, "memory") ? &memory : NULL;
	int result;

	if (!fd || *fd < 0) {
		errno = EINVAL;
		return -1;
	}
	result = close(*fd);
	*fd = -1;
	return result;
}

/* All memory that this program gets from now on comes from that node. */
static void bind_to(unsigned long node)
{
	unsigned long mask = 1UL << node;

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)))
		die("set_mempolicy");
}

static void create(void)
{
	struct kvm_create_guest_memfd guest_memory = { .size = bytes };
	struct kvm_userspace_memory_region2 slot = {
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = START,
		.memory_size = bytes,
	};
	struct kvm_sev_init init = { .ghcb_version = 2 };
	void *plain;

	kvm = open("/dev/kvm", O_RDWR);
	sev = open("/dev/sev", O_RDWR);
	if (kvm < 0 || sev < 0)
		die("/dev/kvm, /dev/sev");
	vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);
	if (vm < 0)
		die("KVM_CREATE_VM");
	if (sev_command(KVM_SEV_INIT2, &init))
		die("KVM_SEV_INIT2");
	/* KVM has an interrupt controller before it has vCPUs. */
	if (ioctl(vm, KVM_ENABLE_CAP, &(struct kvm_enable_cap) {
			.cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = 24 }))
		die("KVM_CAP_SPLIT_IRQCHIP");
	memory = ioctl(vm, KVM_CREATE_GUEST_MEMFD, &guest_memory);
	if (memory < 0)
		die("KVM_CREATE_GUEST_MEMFD");
	plain = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (plain == MAP_FAILED)
		die("mmap");
	slot.userspace_addr = (uintptr_t)plain;
	slot.guest_memfd = memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &slot))
		die("KVM_SET_USER_MEMORY_REGION2");
	if (attributes(0, bytes / PAGE, KVM_MEMORY_ATTRIBUTE_PRIVATE))
		die("KVM_SET_MEMORY_ATTRIBUTES");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		die("KVM_CREATE_VCPU");
}

/* The guest's first pages, from the plain memory of the same size. */
static void launch(uint64_t filled, int one_by_one, int finish)
{
	struct kvm_sev_snp_launch_start start = { .policy = POLICY };
	struct kvm_sev_snp_launch_finish end = { 0 };
	struct kvm_sev_snp_launch_update update = {
		.gfn_start = START / PAGE,
		.type = KVM_SEV_SNP_PAGE_TYPE_NORMAL,
	};
	void *source = mmap(NULL, filled * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (source == MAP_FAILED)
		die("mmap");
	memset(source, 1, filled * PAGE);
	if (sev_command(KVM_SEV_SNP_LAUNCH_START, &start))
		die("KVM_SEV_SNP_LAUNCH_START");
	printf("started\n");
	update.uaddr = (uintptr_t)source;
	while (filled) {
		update.len = (one_by_one ? 1 : filled) * PAGE;
		filled -= update.len / PAGE;
		/* KVM moves the start on by what is done. */
		while (update.len) {
			if (sev_command(KVM_SEV_SNP_LAUNCH_UPDATE, &update) &&
			    errno != EINTR && errno != EAGAIN)
				die("KVM_SEV_SNP_LAUNCH_UPDATE");
		}
	}
	munmap(source, filled * PAGE);
	if (finish && sev_command(KVM_SEV_SNP_LAUNCH_FINISH, &end))
		die("KVM_SEV_SNP_LAUNCH_FINISH");
}

static void serve(void)
{
	char line[128], word[16], which[16];
	unsigned long first, count;

	while (fgets(line, sizeof(line), stdin)) {
		int result = -1;
		int words = sscanf(line, "%15s %lu %lu", word, &first, &count);

		errno = EINVAL;
		if (words == 3 && !strcmp(word, "punch"))
			result = punch(first, count);
		else if (words == 3 && !strcmp(word, "shared"))
			result = attributes(first, count, 0);
		else if (words == 3 && !strcmp(word, "private"))
			result = attributes(first, count, KVM_MEMORY_ATTRIBUTE_PRIVATE);
		else if (words == 3 && !strcmp(word, "fault"))
			result = fault(first, count);
		else if (sscanf(line, "close %15s", which) == 1)
			result = close_one(which);
		if (result)
			printf("error: %s: %s\n", word, strerror(errno));
		else
			printf("ok\n");
	}
}

int main(int argc, char **argv)
{
	int option, finish = 1, one_by_one = 0;
	uint64_t filled = 16;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "m:u:n:s1")) != -1) {
		switch (option) {
		case 'm':
			bytes = strtoul(optarg, NULL, 0) << 20;
			break;
		case 'u':
			filled = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			bind_to(strtoul(optarg, NULL, 0));
			break;
		case 's':
			finish = 0;
			break;
		case '1':
			one_by_one = 1;
			break;
		default:
			fprintf(stderr, "kvm_snp_guest: see the head of its source\n");
			return 2;
		}
	}
	if (!filled || filled > bytes / PAGE) {
		fprintf(stderr, "kvm_snp_guest: -u from 1 to the pages of -m\n");
		return 2;
	}
	create();
	launch(filled, one_by_one, finish);
	if (finish && filled < bytes / PAGE && fault(filled, bytes / PAGE - filled))
		die("KVM_PRE_FAULT_MEMORY");
	printf("ready\n");
	serve();
	return 0;
}
