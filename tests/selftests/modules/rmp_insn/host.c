// SPDX-License-Identifier: GPL-2.0
/* The CPUs and the memory that the checks use, and changes of the whole host. */
#include <linux/gfp.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include "../region.h"
#include "emulator.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

bool has_snp, has_rmpread, has_rmpopt;
int cpu_a, sibling_a, cpu_b;
unsigned int gib, gib2;
unsigned long pfn, pfn2;
u64 pa;

void choose_cpus(void)
{
	int cpu, third = -1;

	cpu_a = cpumask_first(cpu_online_mask);
	sibling_a = -1;
	cpu_b = -1;

	for_each_online_cpu(cpu) {
		if (cpu == cpu_a)
			continue;
		if (cpumask_test_cpu(cpu, topology_sibling_cpumask(cpu_a)))
			sibling_a = cpu;
		else if (cpu_b < 0)
			cpu_b = cpu;
		else if (third < 0 && !cpumask_test_cpu(cpu, topology_sibling_cpumask(cpu_b)))
			third = cpu;
	}
	put("# CPU %d, sibling %d, other cores %d and %d\n", cpu_a, sibling_a, cpu_b, third);
}

static bool region_is_free(unsigned int g)
{
	unsigned int pages;

	return region_has_ram(g) && emu("assigned %u", g) &&
	       sscanf(emu_reply, "%u", &pages) == 1 && !pages;
}

void choose_memory(void)
{
	unsigned int g;

	for (g = REGIONS_MAX; g-- && !pfn2;) {
		if (has_snp && !region_is_free(g))
			continue;
		if (!pfn) {
			pfn = region_alloc(g, 2);
			gib = g;
		} else {
			pfn2 = region_alloc(g, 1);
			gib2 = g;
		}
	}
	pa = PFN_PHYS(pfn);
	put("# region %u, page %#llx; other region %u\n", gib, pa, pfn2 ? gib2 : 0);
}

void release_memory(void)
{
	if (pfn)
		free_contig_range(pfn, 2 * BLOCK_PAGES);
	if (pfn2)
		free_contig_range(pfn2, BLOCK_PAGES);
}

u64 rmp_start(void)
{
	return msr_read(cpu_a, MSR_RMP_BASE) & RMP_ADDRESS;
}

void base_on_all(u64 value)
{
	int cpu;

	for_each_core(cpu)
		if (msr_write(cpu, MSR_RMPOPT_BASE, value))
			check(false, "RMPOPT_BASE of CPU %d takes %#llx", cpu, value);
}

void fresh_start(void)
{
	must(emu("snp off"));
	must(emu("snp on"));
	must(emu("forget"));
}

void fresh_tables(void)
{
	fresh_start();
	base_on_all(RMPOPT_EN);
}

int optimised_cores(unsigned int g)
{
	cpumask_var_t mask;
	int n = -1;

	if (!emu("optimised %u", g))
		return -1;
	if (!emu_reply[0] || !strcmp(emu_reply, "none"))
		return 0;
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -1;
	if (!cpulist_parse(emu_reply, mask))
		n = cpumask_weight(mask);
	free_cpumask_var(mask);
	return n;
}
