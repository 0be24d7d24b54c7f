// SPDX-License-Identifier: GPL-2.0
/* Checks of the processor's features: CPUID, and the MSRs of the RMP and of RMPOPT. */
#include <linux/align.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/string.h>

#include <asm/cpuid/api.h>

#include "../region.h"
#include "checks.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

static bool has_segments;

static void test_leaves(const char *model)
{
	bool zen6 = !strcmp(model, "zen6");
	bool zen5_on = zen6 || !strcmp(model, "zen5");
	bool zen4_on = zen5_on || !strcmp(model, "zen4");
	u32 eax, ebx, ecx, edx;

	cpuid(0x8000001f, &eax, &ebx, &ecx, &edx);
	put("# CPUID 8000001f: eax %08x\n", eax);
	check_eq(!!(eax & BIT(1)), zen4_on, "CPUID 8000001f EAX 1: SEV");
	check_eq(!!(eax & BIT(3)), zen4_on, "CPUID 8000001f EAX 3: SEV-ES");
	check_eq(!!(eax & BIT(4)), zen4_on, "CPUID 8000001f EAX 4: SEV-SNP");
	check_eq(!!(eax & BIT(21)), zen5_on, "CPUID 8000001f EAX 21: RMPREAD");
	check_eq(!!(eax & BIT(23)), zen5_on, "CPUID 8000001f EAX 23: segmented RMP");
	has_snp = eax & BIT(4);
	has_rmpread = eax & BIT(21);
	has_segments = eax & BIT(23);

	eax = 0;
	ebx = 0;
	edx = 0;
	if (cpuid_eax(0x80000000) >= 0x80000025)
		cpuid(0x80000025, &eax, &ebx, &ecx, &edx);
	put("# CPUID 80000025: eax %08x ebx %08x edx %08x\n", eax, ebx, edx);
	check_eq(eax, zen5_on ? 0xaa4 : 0, "CPUID 80000025 EAX: segments of 64 GiB to 4 TiB");
	check_eq(ebx, zen5_on ? 0x410 : 0, "CPUID 80000025 EBX: 16 segments, a hard limit");
	check_eq(edx & BIT(0), zen6, "CPUID 80000025 EDX 0: RMPOPT");
	has_rmpopt = edx & BIT(0);
}

struct leaves {
	u32 eax_1f, eax_25, ebx_25, edx_25;
};

static void read_leaves(void *arg)
{
	struct leaves *l = arg;

	l->eax_1f = cpuid_eax(0x8000001f);
	l->eax_25 = cpuid_eax(0x80000025);
	l->ebx_25 = cpuid_ebx(0x80000025);
	l->edx_25 = cpuid_edx(0x80000025);
}

static void test_leaves_everywhere(void)
{
	struct leaves first, other;
	unsigned int differ = 0;
	int cpu;

	smp_call_function_single(cpumask_first(cpu_online_mask), read_leaves, &first, 1);
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, read_leaves, &other, 1);
		differ += !!memcmp(&first, &other, sizeof(first));
	}
	check_eq(differ, 0, "CPUID says the same on every CPU");
}

void test_cpuid(const char *model)
{
	test_leaves(model);
	test_leaves_everywhere();
}

void test_msrs(void)
{
	u64 syscfg = msr_read(cpu_a, MSR_SYSCFG);
	u64 base, end, cfg, size;
	int cpu, differ = 0;

	check(syscfg & SYSCFG_MEM_ENCRYPT, "SYSCFG 23: memory encryption is on");
	check(syscfg & SYSCFG_SNP_EN, "SYSCFG 24: SnpEn is set");
	check_eq(msr_write(cpu_a, MSR_SYSCFG, syscfg & ~SYSCFG_SNP_EN), NO_FAULT,
		 "SYSCFG: a write with SnpEn set does not fault");
	check_eq(msr_read(cpu_a, MSR_SYSCFG), syscfg,
		 "SYSCFG: a write with SnpEn set is ignored");
	check(msr_read(cpu_a, MSR_HWCR) & BIT(0), "HWCR 0: SMM is locked");

	base = msr_read(cpu_a, MSR_RMP_BASE);
	end = msr_read(cpu_a, MSR_RMP_END);
	check(base && !(base & ~RMP_ADDRESS), "RMP_BASE: %#llx has bits 51:13 only", base);
	if (has_segments) {
		check(IS_ALIGNED(base, SZ_1M), "RMP_BASE: %#llx is 1 MiB aligned", base);
		check_eq(end, 0, "RMP_END: 0 when segmented");
		cfg = msr_read(cpu_a, MSR_RMP_CFG);
		check(cfg & BIT(0), "RMP_CFG 0: segmented RMP is on");
		size = cfg >> 8 & 0x3f;
		check(size >= 36 && size <= 42,
		      "RMP_CFG 13:8: %llu is a size that CPUID offers", size);
	} else {
		check((end & RMP_ADDRESS) > (base & RMP_ADDRESS),
		      "RMP_END: %#llx lies above RMP_BASE", end);
	}

	for_each_online_cpu(cpu)
		differ += msr_read(cpu, MSR_SYSCFG) != syscfg ||
			  msr_read(cpu, MSR_RMP_BASE) != base ||
			  msr_read(cpu, MSR_RMP_END) != end;
	check_eq(differ, 0, "SYSCFG, RMP_BASE and RMP_END are the same on every CPU");
}

void test_rmpopt_base(unsigned int clear_fault)
{
	u64 value = region_start(gib) | RMPOPT_EN;

	fresh_start();
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), 0, "RMPOPT_BASE: 0 after SNP's initialisation");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, value), NO_FAULT,
		 "RMPOPT_BASE: can be enabled while SNP is on");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), value, "RMPOPT_BASE: reads what was written");
	if (sibling_a >= 0) {
		check_eq(msr_read(sibling_a, MSR_RMPOPT_BASE), value,
			 "RMPOPT_BASE: siblings share it");
		msr_write(sibling_a, MSR_RMPOPT_BASE, RMPOPT_EN);
		check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
			 "RMPOPT_BASE: a sibling's write is seen");
	} else {
		skip("RMPOPT_BASE: siblings share it", "no sibling");
	}
	check_eq_if(cpu_b >= 0, "one core", msr_read(cpu_b, MSR_RMPOPT_BASE), 0,
		    "RMPOPT_BASE: one per core");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, 0), clear_fault,
		 "RMPOPT_BASE: a write of 0 while SNP is on");
	check(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN,
	      "RMPOPT_BASE: RMPOPT_EN stays set until SNP is off");
}
