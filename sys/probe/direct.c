// SPDX-License-Identifier: GPL-2.0
/*
 * The first choice: the kernel's functions call the module directly. ftrace
 * patches the function's first instruction to a call of the module's trampoline.
 * The trampoline drops the return address of that call and jumps to the wrapper,
 * so that the wrapper returns to the function's caller. The wrapper calls the
 * function's body, which begins behind the patched instruction. This costs a tenth
 * of an fprobe with an exit handler.
 *
 * The trampoline belongs to an ordinary ftrace_ops and is not registered with
 * register_ftrace_direct(): a function can have only one of the latter, so that
 * BPF and livepatches would get EBUSY. ftrace calls the trampoline as long as
 * nobody else is attached to the function. As soon as somebody else is, ftrace
 * calls rmpopt_direct_not_alone() instead, which sees the beginning of a call but
 * not its end. Then watch.c changes over to fprobes, which share the function with
 * everybody.
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
 * The number of calls that are in a wrapper. A call that ends on another CPU is
 * subtracted there, so that only the sum over all CPUs is right, and only when no
 * more calls begin. Calls that fprobes report do not count.
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

/* Aligned like a function: ftrace may take bit 0 of an address for a flag. */
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
 * ftrace calls this instead of the trampoline while somebody else is attached to
 * the function. Preemption is disabled, interrupts may be disabled. The first
 * argument of all three functions is the page's frame number.
 */
static notrace void rmpopt_direct_not_alone(unsigned long ip, unsigned long parent_ip,
					    struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	rmpopt_count_unsure(ftrace_regs_get_argument(regs, 0));
	rmpopt_on_shared();
}

/*
 * Whether the function begins with an ENDBR, if the kernel is built with indirect
 * branch tracking. Without it no function does, and ENDBR_INSN_SIZE is 0.
 */
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
 * The address at which the function's body begins: behind the instruction that
 * ftrace patches, which is the first one, or the second one where the function
 * begins with an ENDBR. NULL where the body cannot be called: with indirect branch
 * tracking active nobody may call into the middle of a function, and with kCFI the
 * type that the compiler checks before a call is missing there.
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
 * Removes the first @count trampolines, and waits until no task is in one or in a
 * wrapper. A task in the few instructions before and after a wrapper's counting may
 * be preempted but never sleeps: the grace periods wait for it. A task in the
 * kernel's function may sleep: rmpopt_direct_calls counts it.
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

/* When this returns, no call is in a wrapper, and @shared is not called any more. */
void rmpopt_direct_unregister(void)
{
	rmpopt_direct_remove(ARRAY_SIZE(rmpopt_directs));
}

/*
 * Registers the trampolines. From then on calls @shared, with preemption disabled,
 * for each call of which only the beginning is seen.
 */
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
		/* The sysctl kernel.ftrace_enabled must not switch the counting off. */
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

/* Whether all functions call their trampolines, so that nobody else was attached before. */
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
