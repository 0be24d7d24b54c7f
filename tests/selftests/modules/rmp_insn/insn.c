// SPDX-License-Identifier: GPL-2.0
/* The instructions, as bytes: assemblers do not know all of them. */
#include <linux/string.h>

#include <asm/asm.h>

#include "../region.h"
#include "insn.h"
#include "tap.h"

/*
 * EX_TYPE_FAULT leaves the trap number in RAX. @fault is set before and cleared
 * behind the instruction, so it tells the two ways to label 2 apart.
 */
#define INSN(bytes)	"1: .byte " bytes "\n\t"
#define INSN_END	"xorl %k[fault], %k[fault]\n\t"				\
			"2:\n\t"						\
			_ASM_EXTABLE_FAULT(1b, 2b)

#define RMPREAD		"0xf2, 0x0f, 0x01, 0xfd"
#define RMPUPDATE	"0xf2, 0x0f, 0x01, 0xfe"
#define RMPOPT		"0xf2, 0x0f, 0x01, 0xfc"
#define PSMASH		"0xf3, 0x0f, 0x01, 0xff"

static void settle(struct regs *i, unsigned long faulted)
{
	i->fault = faulted ? i->rax : NO_FAULT;
}

/* An instruction, and behind it what brings CF into %b[cf] where that matters. */
#define DEFINE_INSN(name, bytes, take_cf)					\
void name(void *arg)								\
{										\
	unsigned long fault = 1;						\
	struct regs *i = arg;							\
	u8 cf = 0xff;								\
										\
	asm volatile(INSN(bytes) take_cf INSN_END				\
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault),	\
		       [cf] "+r" (cf)						\
		     : : "memory", "cc");					\
	i->cf = cf;								\
	settle(i, fault);							\
}

static DEFINE_INSN(run_rmpread, RMPREAD, "")
static DEFINE_INSN(run_rmpupdate, RMPUPDATE, "")
static DEFINE_INSN(run_psmash, PSMASH, "")

DEFINE_INSN(run_rmpopt_setc, RMPOPT,
	      "setc %b[cf]\n\t")

DEFINE_INSN(run_rmpopt_jc, RMPOPT,
	      "jc 3f\n\t"
	      "movb $0, %b[cf]\n\t"
	      "jmp 4f\n"
	      "3: movb $1, %b[cf]\n"
	      "4:\n\t")

DEFINE_INSN(run_rmpopt_jnc, RMPOPT,
	      "jnc 3f\n\t"
	      "movb $1, %b[cf]\n\t"
	      "jmp 4f\n"
	      "3: movb $0, %b[cf]\n"
	      "4:\n\t")

void run_rmpopt_flags(void *arg)
{
	unsigned long fault = 1, out = 0;
	struct regs *i = arg;
	u8 cf = 0xff;

	asm volatile("pushf\n\t"
		     "andq %[keep], (%%rsp)\n\t"
		     "orq %[in], (%%rsp)\n\t"
		     "popf\n\t"
		     INSN(RMPOPT)
		     "setc %b[cf]\n\t"
		     "pushf\n\t"
		     "pop %[out]\n\t"
		     INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault), [cf] "+r" (cf),
		       [out] "+r" (out), ASM_CALL_CONSTRAINT
		     : [in] "r" (i->flags_in), [keep] "r" (~FLAGS_WATCHED)
		     : "memory", "cc");
	i->flags_out = out & FLAGS_WATCHED;
	i->cf = cf;
	settle(i, fault);
}

void run_rdmsr(void *arg)
{
	unsigned long fault = 1, rdx = 0;
	struct regs *i = arg;

	asm volatile("1: rdmsr\n\t" INSN_END
		     : "+a" (i->rax), "+d" (rdx), [fault] "+r" (fault)
		     : "c" (i->rcx) : "memory");
	settle(i, fault);
	if (!fault)
		i->rax = (u32)i->rax | rdx << 32;
}

static void run_wrmsr(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;
	unsigned long rdx = i->rax >> 32;

	asm volatile("1: wrmsr\n\t" INSN_END
		     : "+a" (i->rax), [fault] "+r" (fault)
		     : "c" (i->rcx), "d" (rdx) : "memory");
	settle(i, fault);
}

/* Typed helpers */

struct regs on(int cpu, smp_call_func_t insn, unsigned long rax, unsigned long rcx)
{
	struct regs i = { .rax = rax, .rcx = rcx, .fault = -1 };

	smp_call_function_single(cpu, insn, &i, 1);
	return i;
}

u64 msr_read(int cpu, u32 msr)
{
	struct regs i = on(cpu, run_rdmsr, 0, msr);

	return i.fault ? ~0ULL : i.rax;
}

unsigned int msr_write(int cpu, u32 msr, u64 value)
{
	return on(cpu, run_wrmsr, value, msr).fault;
}

struct regs rmpopt(int cpu, u64 address, unsigned long function)
{
	return on(cpu, run_rmpopt_setc, address, function);
}

static bool rmpopt_region(int cpu, unsigned int g, unsigned long function)
{
	struct regs i = rmpopt(cpu, region_start(g), function);

	if (i.fault || i.cf > 1)
		check(false, "RMPOPT %#llx, %lu on CPU %d: fault %u, CF %u",
		      region_start(g), function, cpu, i.fault, i.cf);
	return i.cf == 1;
}

bool verify(int cpu, unsigned int g)
{
	return rmpopt_region(cpu, g, RMPOPT_VERIFY);
}

bool report(int cpu, unsigned int g)
{
	return rmpopt_region(cpu, g, RMPOPT_REPORT);
}

/* An entry must keep its address meanwhile, so these stay on this CPU and stack. */

static unsigned int code(const struct regs *i)
{
	return i->fault ? FAULTED(i->fault) : (u32)i->rax;
}

unsigned int rmpread(u64 address, struct rmp_state *e)
{
	struct regs i = { .rax = address, .rcx = (unsigned long)e };

	memset(e, 0xff, sizeof(*e));
	run_rmpread(&i);
	return code(&i);
}

unsigned int rmpupdate_entry(u64 address, struct rmp_state *e)
{
	struct regs i = { .rax = address, .rcx = (unsigned long)e };

	run_rmpupdate(&i);
	return code(&i);
}

unsigned int rmpupdate(u64 address, u32 asid, bool huge, bool immutable)
{
	struct rmp_state e = {
		.gpa = asid ? address : 0,
		.assigned = asid || immutable,
		.pagesize = huge,
		.immutable = immutable,
		.asid = asid,
	};

	return rmpupdate_entry(address, &e);
}

unsigned int psmash_code(u64 address)
{
	struct regs i = { .rax = address };

	run_psmash(&i);
	return code(&i);
}
