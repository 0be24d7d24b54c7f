// SPDX-License-Identifier: GPL-2.0
/*
 * The first choice: the functions call the module directly. Where ftrace patches
 * a function, its first instruction calls a trampoline of ours; that drops the
 * call's return address, so that the wrapper stands in the caller's place, and
 * the wrapper calls the function's body behind the patched instruction. It costs
 * a tenth of what an fprobe with an exit handler does.
 *
 * The trampoline is that of an ordinary ftrace_ops, not one of
 * register_ftrace_direct(): of those a function can have one only, so that BPF
 * would get EBUSY, and a livepatch too. ftrace calls the trampoline as long as
 * nobody else is attached to the function. As soon as somebody is, it calls
 * rmpopt_direct_not_alone() instead, which sees calls begin but not end. That is
 * the sign to change over to fprobes, which share with everybody (watch.c).
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/objtool.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include <asm/ibt.h>
#include <asm/sev.h>
#include <asm/text-patching.h>
#include <asm/unwind_hints.h>

#include "counting.h"

/* The first byte of the five-byte NOP that stands where ftrace patches. */
#define RMPOPT_NOP5_FIRST	0x0f

/*
 * Calls that are in a wrapper. One that ends on another CPU is taken off there:
 * the sum is right as soon as no more begin. Calls that fprobes see do not count.
 */
static DEFINE_PER_CPU(long, rmpopt_direct_calls);

static typeof(rmp_make_private) *rmpopt_private_body;
static typeof(rmp_make_shared) *rmpopt_shared_body;
static typeof(psmash) *rmpopt_psmash_body;

/* The definitions below do not compile where the kernel's functions have other parameters. */
asmlinkage typeof(rmp_make_private) rmpopt_direct_private;
asmlinkage typeof(rmp_make_shared) rmpopt_direct_shared;
asmlinkage typeof(psmash) rmpopt_direct_psmash;

asmlinkage notrace __visible int rmpopt_direct_private(u64 pfn, u64 gpa, enum pg_level level,
						       u32 asid, bool immutable)
{
	struct rmpopt_call call;
	int ret;

	this_cpu_inc(rmpopt_direct_calls);
	rmpopt_call_begin(&call, pfn, rmpopt_pages_of(level));
	ret = rmpopt_private_body(pfn, gpa, level, asid, immutable);
	rmpopt_call_end(&call, ret);
	this_cpu_dec(rmpopt_direct_calls);
	return ret;
}

asmlinkage notrace __visible int rmpopt_direct_shared(u64 pfn, enum pg_level level)
{
	struct rmpopt_call call;
	int ret;

	this_cpu_inc(rmpopt_direct_calls);
	rmpopt_call_begin(&call, pfn, -rmpopt_pages_of(level));
	ret = rmpopt_shared_body(pfn, level);
	rmpopt_call_end(&call, ret);
	this_cpu_dec(rmpopt_direct_calls);
	return ret;
}

asmlinkage notrace __visible int rmpopt_direct_psmash(u64 pfn)
{
	struct rmpopt_call call;
	int ret;

	this_cpu_inc(rmpopt_direct_calls);
	rmpopt_call_begin(&call, pfn, 0);
	ret = rmpopt_psmash_body(pfn);
	rmpopt_call_end(&call, ret);
	this_cpu_dec(rmpopt_direct_calls);
	return ret;
}

/* Aligned as functions are: where ftrace takes an address, bit 0 may mean a jump. */
#define RMPOPT_TRAMPOLINE(name)						\
	void name##_trampoline(void);					\
	asm(".pushsection .text, \"ax\", @progbits\n"			\
	    ".balign 16\n"						\
	    ".type " #name "_trampoline, @function\n"			\
	    #name "_trampoline:\n"					\
	    ASM_ENDBR							\
	    "addq $8, %rsp\n"						\
	    UNWIND_HINT_FUNC						\
	    "jmp " #name "\n"						\
	    "int3\n"							\
	    ".size " #name "_trampoline, . - " #name "_trampoline\n"	\
	    ".popsection\n")

RMPOPT_TRAMPOLINE(rmpopt_direct_private);
RMPOPT_TRAMPOLINE(rmpopt_direct_shared);
RMPOPT_TRAMPOLINE(rmpopt_direct_psmash);

static struct rmpopt_direct {
	struct ftrace_ops ops;
	void *function;
	void (*trampoline)(void);
	void **body;
} rmpopt_directs[] = {
	{ .function = rmp_make_private, .trampoline = rmpopt_direct_private_trampoline,
	  .body = (void **)&rmpopt_private_body },
	{ .function = rmp_make_shared, .trampoline = rmpopt_direct_shared_trampoline,
	  .body = (void **)&rmpopt_shared_body },
	{ .function = psmash, .trampoline = rmpopt_direct_psmash_trampoline,
	  .body = (void **)&rmpopt_psmash_body },
};

static void (*rmpopt_on_shared)(void);

/*
 * ftrace calls this instead of the trampoline: somebody else is attached to the
 * function. Preemption is disabled, interrupts may be. The first argument of all
 * three functions is the page's frame number.
 */
static notrace void rmpopt_direct_not_alone(unsigned long ip, unsigned long parent_ip,
					    struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	rmpopt_count_unsure(ftrace_regs_get_argument(regs, 0));
	rmpopt_on_shared();
}

/* Without indirect branch tracking in the kernel's build no function begins with an ENDBR. */
static bool rmpopt_has_endbr(void *function)
{
#ifdef CONFIG_X86_KERNEL_IBT
	return __is_endbr(*(u32 *)function);
#else
	return true;
#endif
}

static u8 *rmpopt_patched_insn(void *function)
{
	return function + ENDBR_INSN_SIZE;
}

/*
 * Where the function's body begins. Its first instruction is what ftrace
 * patches, behind an ENDBR where the kernel is built with those. With indirect
 * branch tracking active nobody may call into the middle of a function, and with
 * kCFI the type that the compiler checks before a call would not stand there.
 */
static void *rmpopt_body_of(void *function)
{
	u8 *first = rmpopt_patched_insn(function);

	if (IS_ENABLED(CONFIG_CFI) || cpu_feature_enabled(X86_FEATURE_IBT))
		return NULL;
	if (!rmpopt_has_endbr(function))
		return NULL;
	if (*first != CALL_INSN_OPCODE && *first != RMPOPT_NOP5_FIRST)
		return NULL;
	return first + MCOUNT_INSN_SIZE;
}

static long rmpopt_direct_calls_sum(void)
{
	unsigned int cpu;
	long sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(rmpopt_direct_calls, cpu));
	return sum;
}

/*
 * Removes the trampolines. A task may be in the few instructions around a wrapper's
 * counting, where it may be preempted but never sleeps: the grace periods
 * wait for it. Or in the kernel's function, where it may sleep: it is counted.
 */
static void rmpopt_direct_remove(unsigned int count)
{
	while (count--) {
		WARN_ON(unregister_ftrace_function(&rmpopt_directs[count].ops));
		ftrace_free_filter(&rmpopt_directs[count].ops);
	}
	synchronize_rcu_tasks();
	while (rmpopt_direct_calls_sum())
		usleep_range(USEC_PER_MSEC, 2 * USEC_PER_MSEC);
	synchronize_rcu_tasks();
}

/* No call is in a wrapper, and nobody calls @shared, when this returns. */
void rmpopt_direct_unregister(void)
{
	rmpopt_direct_remove(ARRAY_SIZE(rmpopt_directs));
}

/* Calls @shared, with preemption disabled, whenever a call was seen to begin only. */
int rmpopt_direct_register(void (*shared)(void))
{
	unsigned int i;
	int err;

	rmpopt_on_shared = shared;
	for (i = 0; i < ARRAY_SIZE(rmpopt_directs); i++) {
		struct rmpopt_direct *d = &rmpopt_directs[i];

		*d->body = rmpopt_body_of(d->function);
		d->ops.func = rmpopt_direct_not_alone;
		d->ops.trampoline = (unsigned long)d->trampoline;
		/* Who switches all of ftrace off would switch off the counting. */
		d->ops.flags |= FTRACE_OPS_FL_PERMANENT;
		if (!*d->body)
			err = -EOPNOTSUPP;
		else
			err = ftrace_set_filter_ip(&d->ops, (unsigned long)d->function, 0, 0);
		if (!err) {
			err = register_ftrace_function(&d->ops);
			if (err)
				ftrace_free_filter(&d->ops);
		}
		if (err) {
			rmpopt_direct_remove(i);
			return err;
		}
	}
	return 0;
}

/* Whether all functions call their trampolines: nobody else was there first. */
bool rmpopt_direct_alone(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rmpopt_directs); i++) {
		struct rmpopt_direct *d = &rmpopt_directs[i];
		u8 *insn = rmpopt_patched_insn(d->function);
		void *target = insn + CALL_INSN_SIZE + *(s32 *)(insn + 1);

		if (*insn != CALL_INSN_OPCODE || target != (void *)d->trampoline)
			return false;
	}
	return true;
}
