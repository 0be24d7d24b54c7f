// SPDX-License-Identifier: GPL-2.0
/* Checks of RMPOPT: faults, registers and flags, the tables of the cores, SNP on and off. */
#include <linux/cpumask.h>
#include <linux/smp.h>

#include "../region.h"
#include "checks.h"
#include "emulator.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

static void test_faults(void)
{
	unsigned long ud = emu_number("rmpopt.ud");

	fresh_start();
	check_eq(rmpopt(cpu_a, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "RMPOPT: #UD for verify while RMPOPT_EN is 0");
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD for report while RMPOPT_EN is 0");
	check_eq(emu_number("rmpopt.ud"), ud + 2, "RMPOPT: the emulator counted both");

	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, NO_FAULT,
		 "RMPOPT: no fault with RMPOPT_EN 1");
	if (sibling_a >= 0)
		check_eq(rmpopt(sibling_a, pa, RMPOPT_REPORT).fault, NO_FAULT,
			 "RMPOPT: nor on the sibling");
	if (cpu_b >= 0)
		check_eq(rmpopt(cpu_b, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
			 "RMPOPT: still #UD on another core");

	must(emu("switch enable_sticky clear"));
	msr_write(cpu_a, MSR_RMPOPT_BASE, 0);
	must(emu("switch enable_sticky ignored"));
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD again with RMPOPT_EN 0");
}

static struct regs report_with_flags(unsigned long flags)
{
	struct regs i = { .rax = pa, .rcx = RMPOPT_REPORT, .flags_in = flags };

	smp_call_function_single(cpu_a, run_rmpopt_flags, &i, 1);
	return i;
}

static void test_registers(void)
{
	struct regs i;

	fresh_tables();
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).cf, 0,
		 "RMPOPT: report gives CF 0 before the first verify");
	check_eq(on(cpu_a, run_rmpopt_jc, pa, RMPOPT_REPORT).cf, 0, "RMPOPT: CF 0 for jc");
	check_eq(on(cpu_a, run_rmpopt_jnc, pa, RMPOPT_REPORT).cf, 0, "RMPOPT: CF 0 for jnc");
	i = rmpopt(cpu_a, pa, RMPOPT_VERIFY);
	check_eq(i.cf, 1, "RMPOPT: verify gives CF 1 where nothing is assigned");
	check_eq(i.rax, pa, "RMPOPT: RAX is kept");
	check_eq(i.rcx, RMPOPT_VERIFY, "RMPOPT: RCX is kept");
	i = rmpopt(cpu_a, pa, RMPOPT_REPORT);
	check_eq(i.cf, 1, "RMPOPT: report gives CF 1 after it");
	check_eq(i.rax, pa, "RMPOPT: RAX is kept by report");
	check_eq(i.rcx, RMPOPT_REPORT, "RMPOPT: RCX is kept by report");
	check_eq(on(cpu_a, run_rmpopt_jc, pa, RMPOPT_REPORT).cf, 1, "RMPOPT: CF 1 for jc");
	check_eq(on(cpu_a, run_rmpopt_jnc, pa, RMPOPT_REPORT).cf, 1, "RMPOPT: CF 1 for jnc");

	i = report_with_flags(X86_EFLAGS_PF | X86_EFLAGS_ZF | X86_EFLAGS_OF);
	check_eq(i.flags_out, i.flags_in, "RMPOPT: CF only: PF, ZF, OF stay set, AF, SF clear");
	check_eq(i.cf, 1, "RMPOPT: and CF is right");
	i = report_with_flags(X86_EFLAGS_AF | X86_EFLAGS_SF);
	check_eq(i.flags_out, i.flags_in, "RMPOPT: CF only: AF, SF stay set, PF, ZF, OF clear");

	check_eq(rmpopt(cpu_a, region_start(gib), RMPOPT_REPORT).cf, 1,
		 "RMPOPT: the region's first byte");
	check_eq(rmpopt(cpu_a, region_start(gib) + 0x12345677, RMPOPT_REPORT).cf, 1,
		 "RMPOPT: an unaligned address is aligned down to 1 GiB");
	check_eq(rmpopt(cpu_a, region_start(gib) + SZ_1G - 1, RMPOPT_REPORT).cf, 1,
		 "RMPOPT: the region's last byte");
	check_eq(rmpopt(cpu_a, region_start(gib + 1), RMPOPT_REPORT).cf, 0,
		 "RMPOPT: the next region is another one");
}

/* The tables. Each test goes on where the one before it has left them. */

static unsigned int count_cores(void)
{
	unsigned int n = 0;
	int cpu;

	for_each_core(cpu)
		n++;
	return n;
}

static void verify_on_all(unsigned int g)
{
	int cpu;

	for_each_core(cpu)
		verify(cpu, g);
}

/* CPUs whose core says that the region is optimised. */
static unsigned int reporting(unsigned int g)
{
	unsigned int n = 0;
	int cpu;

	for_each_online_cpu(cpu)
		n += report(cpu, g);
	return n;
}

/* One scan serves all cores. */
static void test_scans(void)
{
	long scans, reads;

	fresh_tables();
	scans = emu_number("rmpopt.scans");
	check(verify(cpu_a, gib), "RMPOPT: a first core verifies");
	check_eq(emu_number("rmpopt.scans"), scans + 1, "RMPOPT: with one scan");
	check_eq(optimised_cores(gib), 1, "RMPOPT: one core's table has the region");
	check_eq_if(sibling_a >= 0, "no sibling", report(sibling_a, gib), true,
		    "RMPOPT: the sibling sees the same table");
	check_eq_if(cpu_b >= 0, "one core", report(cpu_b, gib), false,
		    "RMPOPT: another core's table is another one");

	scans = emu_number("rmpopt.scans");
	reads = emu_number("rmpopt.entries_read");
	check(verify(cpu_a, gib), "RMPOPT: the same core verifies again");
	verify_on_all(gib);
	check_eq(emu_number("rmpopt.scans"), scans,
		 "RMPOPT: the stored result saves the others' scans");
	check_eq(emu_number("rmpopt.entries_read"), reads, "RMPOPT: and their reads");
	check_eq(optimised_cores(gib), count_cores(), "RMPOPT: every core's table has the region");
	check_eq(reporting(gib), num_online_cpus(), "RMPOPT: every CPU reports it");
}

/* Cores lose a region the moment a page of it is assigned. */
static void test_assigned_4k(void)
{
	long scans;

	if (pfn2)
		verify_on_all(gib2);
	check_eq(rmpupdate(pa, ASID, false, false), 0, "RMPOPT: a 4k page becomes assigned");
	check_eq(reporting(gib), 0, "RMPOPT: the broadcast clears the bit on all cores");
	check_eq(optimised_cores(gib), 0, "RMPOPT: no core's table has the region");
	check_eq_if(pfn2, "one region", reporting(gib2), num_online_cpus(),
		    "RMPOPT: another region keeps its bits");

	scans = emu_number("rmpopt.failed_scans");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with an assigned 4k page");
	check(!verify(cpu_a, gib), "RMPOPT: and again");
	check_eq(emu_number("rmpopt.failed_scans"), scans + 2,
		 "RMPOPT: a region that failed is scanned anew each time");
	check_eq(rmpupdate(pa, 0, false, false), 0, "RMPOPT: the page is given back");
	check_eq(reporting(gib), 0, "RMPOPT: giving pages back sets no bit");
	scans = emu_number("rmpopt.scans");
	check(verify(cpu_a, gib), "RMPOPT: verify wins the region back");
	check_eq(emu_number("rmpopt.scans"), scans + 1,
		 "RMPOPT: after a scan, the old result is void");
}

/* The same in a block that is assigned as a whole, then page by page. */
static void test_assigned_2m(void)
{
	u64 block = pa + SZ_2M;
	unsigned int i;

	if (cpu_b >= 0)
		verify(cpu_b, gib);
	check_eq(rmpupdate(block, ASID, true, false), 0, "RMPOPT: a 2m page becomes assigned");
	check_eq(reporting(gib), 0, "RMPOPT: the bits are cleared");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with an assigned 2m page");
	check_eq(psmash_code(block), 0, "RMPOPT: the 2m page is split");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with the split page");
	set_entry(block, ENTRY_FREE);
	check(!verify(cpu_a, gib), "RMPOPT: 511 of 512 are enough for CF 0");
	for (i = 1; i < BLOCK_PAGES; i++)
		rmpupdate(block + i * PAGE_SIZE, 0, false, false);
	check(verify(cpu_a, gib), "RMPOPT: verify gives CF 1 when all are given back");
}

/* Entries that change behind the kernel's back clear as well. */
static void test_firmware_page(void)
{
	set_entry(pa, ENTRY_FIRMWARE);
	check_eq(reporting(gib), 0, "RMPOPT: firmware's page clears the bits");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with firmware's page");
	set_entry(pa, ENTRY_FREE);
}

static void test_forgotten(void)
{
	long scans;

	verify(cpu_a, gib);
	must(emu("forget"));
	if (cpu_b < 0) {
		skip("RMPOPT: a core verifies when the result is forgotten", "one core");
		return;
	}
	scans = emu_number("rmpopt.scans");
	check(verify(cpu_b, gib), "RMPOPT: a core verifies when the result is forgotten");
	check_eq(emu_number("rmpopt.scans"), scans + 1, "RMPOPT: with a scan of its own");
}

static void test_rmp_itself(void)
{
	unsigned int g = rmp_start() / SZ_1G;

	check(!verify(cpu_a, g), "RMPOPT: the region of the RMP itself never becomes optimised");
	check_eq(optimised_cores(g), 0, "RMPOPT: no table has it");
}

/* SNP goes and comes. */
static void test_transitions(void)
{
	int cpu, wrong = 0;

	fresh_tables();
	check(verify(cpu_a, gib), "SNP: a region is optimised");

	must(emu("snp off-legacy"));
	check(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN,
	      "SNP: a legacy shutdown leaves SnpEn set");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
		 "SNP: a legacy shutdown leaves RMPOPT_BASE set");

	must(emu("snp on"));
	check(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN, "SNP: SnpEn is set when initialised");
	for_each_core(cpu)
		wrong += msr_read(cpu, MSR_RMPOPT_BASE) != 0;
	check_eq(wrong, 0, "SNP: RMPOPT_BASE is 0 on every core when initialised");
	base_on_all(RMPOPT_EN);
	check_eq(reporting(gib), 0, "SNP: initialisation clears the tables");

	check(verify(cpu_a, gib), "SNP: a region is optimised again");
	must(emu("snp off"));
	check(!(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN), "SNP: a full shutdown clears SnpEn");
	check(!(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN),
	      "SNP: a full shutdown clears RMPOPT_EN");
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "SNP: RMPOPT is #UD after it");
	check_eq(optimised_cores(gib), 0, "SNP: no table has anything after it");
	must(emu("snp on"));
}

void test_rmpopt(void)
{
	test_faults();
	test_registers();
	test_scans();
	test_assigned_4k();
	test_assigned_2m();
	test_firmware_page();
	test_forgotten();
	test_rmp_itself();
	test_transitions();
}
