// SPDX-License-Identifier: GPL-2.0
/* Processors that lack an instruction or an MSR: the instruction raises #UD, the MSR #GP. */
#include "checks.h"
#include "emulator.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

static void test_no_rmpopt(void)
{
	check_eq(rmpopt(cpu_a, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "RMPOPT: #UD on a processor without it");
	check_eq(rmpopt(cpu_a, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD on a processor without it, report");
	check_eq(on(cpu_a, run_rdmsr, 0, MSR_RMPOPT_BASE).fault, X86_TRAP_GP,
		 "RMPOPT_BASE: #GP when read on a processor without it");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), X86_TRAP_GP,
		 "RMPOPT_BASE: #GP when written on a processor without it");
}

static void test_no_rmpread(void)
{
	struct rmp_state e;

	check_eq(rmpread(pa, &e), FAULTED(X86_TRAP_UD), "RMPREAD: #UD on a processor without it");
}

static void test_no_snp(void)
{
	check_eq(rmpupdate(pa, ASID, false, false), FAULTED(X86_TRAP_UD),
		 "RMPUPDATE: #UD on a processor without SNP");
	check_eq(psmash_code(pa), FAULTED(X86_TRAP_UD), "PSMASH: #UD on a processor without SNP");
}

void test_absent(void)
{
	if (!has_rmpopt)
		test_no_rmpopt();
	if (!has_rmpread)
		test_no_rmpread();
	if (!has_snp)
		test_no_snp();
}
