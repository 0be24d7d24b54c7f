// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of behaviour that the manuals do not state. They set each value of the
 * emulator's switch, check that the processor behaves accordingly, and leave the
 * switch at its default. Where the host was started with another value of
 * enable_sticky, insn.sh restores that.
 */
#include "../region.h"
#include "checks.h"
#include "emulator.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

#define UNCOVERED_GIB	1500	/* in the window, above all of TCG's addresses */

static void choose(const char *name, const char *value)
{
	must(emu("switch %s %s", name, value));
	fresh_tables();
}

static void test_outside_window(void)
{
	u64 beyond = region_start(gib + 1) | RMPOPT_EN;

	choose("outside_window", "ud");
	msr_write(cpu_a, MSR_RMPOPT_BASE, beyond);
	check_eq(rmpopt(cpu_a, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "outside_window=ud: #UD for verify");
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "outside_window=ud: #UD for report");

	choose("outside_window", "cf0");
	msr_write(cpu_a, MSR_RMPOPT_BASE, beyond);
	check(!verify(cpu_a, gib), "outside_window=cf0: CF 0 for verify");
	check(!report(cpu_a, gib), "outside_window=cf0: CF 0 for report");
	check_eq(optimised_cores(gib), 0, "outside_window=cf0: no table has the region");
}

static void test_function_above_1(void)
{
	choose("function_above_1", "mask");
	check_eq(rmpopt(cpu_a, pa, 3).cf, 0, "function_above_1=mask: 3 reports");
	check_eq(rmpopt(cpu_a, pa, 2).cf, 1, "function_above_1=mask: 2 verifies");
	check(report(cpu_a, gib), "function_above_1=mask: and sets the bit");

	choose("function_above_1", "report");
	check_eq(rmpopt(cpu_a, pa, 2).cf, 0, "function_above_1=report: 2 reports");
	check(!report(cpu_a, gib), "function_above_1=report: and sets no bit");

	choose("function_above_1", "ud");
	check_eq(rmpopt(cpu_a, pa, 2).fault, X86_TRAP_UD, "function_above_1=ud: #UD");
	check(!report(cpu_a, gib), "function_above_1=ud: and sets no bit");
}

/* Which of three writes keep the table. */
static void base_writes(const char *value, bool same, bool off_and_on)
{
	choose("base_write_clears", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(report(cpu_a, gib), same, "base_write_clears=%s: the same value again", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, 0);
	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(report(cpu_a, gib), off_and_on, "base_write_clears=%s: off and on", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, region_start(gib) | RMPOPT_EN);
	check_eq(report(cpu_a, gib), false, "base_write_clears=%s: another base", value);
}

static void test_base_write_clears(void)
{
	must(emu("switch enable_sticky clear"));
	base_writes("base", true, true);
	base_writes("change", true, false);
	base_writes("always", false, false);
	must(emu("switch enable_sticky ignored"));
}

/* A write that SNP may hold: how it ends, what is read then, whether the table stays. */
static void held_write(const char *name, const char *value, u64 written, int fault, u64 after)
{
	choose(name, value);
	verify(cpu_a, gib);
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, written), fault, "%s=%s: the write", name, value);
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), after, "%s=%s: what is read then", name, value);
	check_eq(optimised_cores(gib), after == RMPOPT_EN, "%s=%s: the table", name, value);
}

static void test_enable_sticky(void)
{
	held_write("enable_sticky", "gp", 0, X86_TRAP_GP, RMPOPT_EN);
	held_write("enable_sticky", "clear", 0, NO_FAULT, 0);
	held_write("enable_sticky", "ignored", 0, NO_FAULT, RMPOPT_EN);
	must(emu("snp off"));
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, 0), NO_FAULT,
		 "enable_sticky=ignored: RMPOPT_EN can be cleared once SNP is off");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), 0, "enable_sticky=ignored: and reads 0");
	must(emu("snp on"));
}

static void test_base_moves(void)
{
	u64 other = region_start(gib) | RMPOPT_EN;

	held_write("base_moves", "gp", other, X86_TRAP_GP, RMPOPT_EN);
	held_write("base_moves", "ignored", other, NO_FAULT, RMPOPT_EN);
	held_write("base_moves", "yes", other, NO_FAULT, other);
}

static void test_unaligned_base(void)
{
	u64 aligned = region_start(gib) | RMPOPT_EN;
	u64 unaligned = aligned | SZ_2M;

	choose("unaligned_base", "align");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, unaligned), NO_FAULT, "unaligned_base=align");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), aligned,
		 "unaligned_base=align: the low bits read as 0");

	choose("unaligned_base", "gp");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, unaligned), X86_TRAP_GP, "unaligned_base=gp");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
		 "unaligned_base=gp: the old value stays");
}

static void test_early_enable(void)
{
	choose("early_enable", "ignore");
	must(emu("snp off"));
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), NO_FAULT, "early_enable=ignore");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN, 0,
		 "early_enable=ignore: RMPOPT_EN stays 0");
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "early_enable=ignore: RMPOPT is #UD");

	choose("early_enable", "gp");
	must(emu("snp off"));
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), X86_TRAP_GP, "early_enable=gp");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN, 0,
		 "early_enable=gp: RMPOPT_EN stays 0");
	must(emu("snp on"));
}

static void test_uncovered(void)
{
	choose("uncovered", "cf0");
	check(!verify(cpu_a, UNCOVERED_GIB), "uncovered=cf0: never optimised");
	choose("uncovered", "cf1");
	check(verify(cpu_a, UNCOVERED_GIB), "uncovered=cf1: optimised, nothing is assigned there");
}

static void test_sub_pages(void)
{
	u64 inside = pa + 5 * PAGE_SIZE;
	struct rmp_state e;

	choose("sub_pages", "copy");
	rmpupdate(pa, ASID, true, false);
	rmpread(inside, &e);
	check(e.assigned == 1 && e.asid == ASID && e.gpa == inside,
	      "sub_pages=copy: a page inside a 2m page reads as assigned");
	rmpupdate(pa, 0, true, false);
	rmpread(inside, &e);
	check(!e.assigned && !e.asid, "sub_pages=copy: until the 2m page is given back");

	choose("sub_pages", "zero");
	rmpupdate(pa, ASID, true, false);
	rmpread(inside, &e);
	check(!e.assigned && !e.asid, "sub_pages=zero: a page inside a 2m page reads as free");
	rmpread(pa, &e);
	check(e.assigned == 1 && (e.pagesize & 1), "sub_pages=zero: the 2m page's entry decides");
	rmpupdate(pa, 0, true, false);
}

static void test_rules(void)
{
	struct rmp_state e = { .gpa = pa, .assigned = 1, .asid = ASID, .rsvd = 1 };

	choose("rules", "error");
	check_eq(rmpupdate_entry(pa, &e), 1, "rules=error: EAX 1 with a reserved bit set");
	choose("rules", "fatal");
}

/* How often one verify reads the RMP. */
static long scans_of_verify(int cpu, unsigned int g)
{
	long before = emu_number("rmpopt.scans");

	verify(cpu, g);
	return emu_number("rmpopt.scans") - before;
}

static void test_stored_result(void)
{
	if (cpu_b < 0) {
		skip("stored_result=off", "one core");
		return;
	}

	choose("stored_result", "off");
	verify(cpu_a, gib);
	check_eq(scans_of_verify(cpu_b, gib), 1, "stored_result=off: each core scans");

	if (pfn2) {
		choose("stored_result", "1");
		verify(cpu_a, gib);
		verify(cpu_a, gib2);
		check_eq(scans_of_verify(cpu_b, gib2), 0,
			 "stored_result=1: the last one is kept");
		check_eq(scans_of_verify(cpu_b, gib), 1,
			 "stored_result=1: that before is not");
	}

	choose("stored_result", "kept");
	verify(cpu_a, gib);
	check_eq(scans_of_verify(cpu_b, gib), 0, "stored_result=kept: one scan for all cores");
}

void test_questions(void)
{
	test_outside_window();
	test_function_above_1();
	test_base_write_clears();
	test_enable_sticky();
	test_base_moves();
	test_unaligned_base();
	test_early_enable();
	test_uncovered();
	test_sub_pages();
	test_rules();
	test_stored_result();
}
