/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Executes the instructions and MSR accesses of SEV-SNP's host side, each on a chosen
 * CPU, and returns the registers, CF and the fault.
 */
#ifndef RMP_INSN_INSN_H
#define RMP_INSN_INSN_H

#include <linux/bits.h>
#include <linux/smp.h>
#include <linux/types.h>

#include <asm/processor-flags.h>
#include <asm/sev.h>
#include <asm/trapnr.h>

#define MSR_SYSCFG		0xc0010010
#define MSR_HWCR		0xc0010015
#define MSR_RMP_BASE		0xc0010132
#define MSR_RMP_END		0xc0010133
#define MSR_RMP_CFG		0xc0010136
#define MSR_RMPOPT_BASE		0xc0010139

#define SYSCFG_MEM_ENCRYPT	BIT_ULL(23)
#define SYSCFG_SNP_EN		BIT_ULL(24)
#define RMP_ADDRESS		GENMASK_ULL(51, 13)
#define RMPOPT_EN		BIT_ULL(0)

#define RMPOPT_VERIFY		0
#define RMPOPT_REPORT		1

#define FLAGS_WATCHED	(X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			 X86_EFLAGS_SF | X86_EFLAGS_OF | X86_EFLAGS_DF)

#define NO_FAULT	0

/* Carries the registers in, and what came out. */
struct regs {
	unsigned long rax;
	unsigned long rcx;
	unsigned int fault;	/* trap number, NO_FAULT if none */
	u8 cf;
	unsigned long flags_in;
	unsigned long flags_out;
};

/* Each runs one instruction; @arg is a struct regs. */
void run_rdmsr(void *arg);
/* CF as setc, jc and jnc find it. */
void run_rmpopt_setc(void *arg);
void run_rmpopt_jc(void *arg);
void run_rmpopt_jnc(void *arg);
/* Loads the FLAGS_WATCHED before, stores them behind. */
void run_rmpopt_flags(void *arg);

struct regs on(int cpu, smp_call_func_t insn, unsigned long rax, unsigned long rcx);

/* The MSR's value, all ones if there was a fault. */
u64 msr_read(int cpu, u32 msr);
/* The fault. */
unsigned int msr_write(int cpu, u32 msr, u64 value);

struct regs rmpopt(int cpu, u64 address, unsigned long function);
/* CF of the region @g; a fault is a failed check. */
bool verify(int cpu, unsigned int g);
bool report(int cpu, unsigned int g);

/* These run here, and return EAX, or FAULTED(trap number). */
#define FAULTED(trap)	(0x100 + (trap))

unsigned int rmpread(u64 address, struct rmp_state *e);
unsigned int rmpupdate_entry(u64 address, struct rmp_state *e);
/* To a guest's page, an immutable one, or with neither a page of the hypervisor. */
unsigned int rmpupdate(u64 address, u32 asid, bool huge, bool immutable);
unsigned int psmash_code(u64 address);

#endif
