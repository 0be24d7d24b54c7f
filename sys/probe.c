// SPDX-License-Identifier: GPL-2.0
/*
 * See probe.h. Counting happens in whatever context the kernel converts a page.
 * It neither sleeps nor locks nor allocates, and writes no cache line but the
 * region's own; only the first region that may have become free since the
 * thread last looked writes one more, and wakes the thread.
 */
#include <linux/delay.h>
#include <linux/fprobe.h>
#include <linux/ftrace.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/objtool.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/ibt.h>
#include <asm/sev.h>
#include <asm/text-patching.h>
#include <asm/unwind_hints.h>

#include "probe.h"
#include "trace.h"

/* The first byte of the five-byte NOP that stands where ftrace patches. */
#define BYTES_NOP5_FIRST	0x0f

#define REGION_PFN_SHIFT	(30 - PAGE_SHIFT)

/* Lines come in pages of 64 for the parts of the address space that hold RAM. */
#define CHUNK_SHIFT		6
#define CHUNK_LINES		(1U << CHUNK_SHIFT)
#define CHUNKS			1024U

static struct rmpopt_line *chunks[CHUNKS];

/* Rung when a region may have become free, until the thread has looked. */
static struct {
	u32 rung;
	void (*ring)(void *data);
	void *data;
	struct work_struct work;
} bell ____cacheline_aligned;

static __always_inline struct rmpopt_line *line_of(u64 gib)
{
	struct rmpopt_line *chunk;

	if (gib >= CHUNKS * CHUNK_LINES)
		return NULL;
	chunk = READ_ONCE(chunks[gib >> CHUNK_SHIFT]);
	return chunk ? chunk + (gib % CHUNK_LINES) : NULL;
}

struct rmpopt_line *rmpopt_line(u64 gib)
{
	return line_of(gib);
}

/* Makes lines for the region and its neighbours, all in the state given. May sleep. */
int rmpopt_lines_cover(u64 gib, u64 state)
{
	static DEFINE_MUTEX(lock);
	struct rmpopt_line *chunk;
	unsigned int i;

	BUILD_BUG_ON(sizeof(*chunk) != 64);
	if (gib >= CHUNKS * CHUNK_LINES)
		return -EFBIG;
	guard(mutex)(&lock);
	if (line_of(gib))
		return 0;
	chunk = kcalloc(CHUNK_LINES, sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;
	for (i = 0; i < CHUNK_LINES; i++)
		atomic64_set(&chunk[i].state, state);
	smp_store_release(&chunks[gib >> CHUNK_SHIFT], chunk);
	return 0;
}

/* No probe is registered any more. */
void rmpopt_lines_free(void)
{
	unsigned int i;

	for (i = 0; i < CHUNKS; i++) {
		kfree(chunks[i]);
		chunks[i] = NULL;
	}
}

static __always_inline u64 now_ms(void)
{
	return div_u64(get_jiffies_64() * MSEC_PER_SEC, HZ);
}

u64 rmpopt_now_ms(void)
{
	return now_ms();
}

/* What a call's entry leaves to its exit. */
struct call {
	struct rmpopt_line *line;
	u32 gib;
	s32 pages;
};

/* Calls for regions without a line. Nobody counts their pages, and nobody is rung for. */
static struct rmpopt_line elsewhere = {
	.state = ATOMIC64_INIT((u64)(RMPOPT_NO_PAGES + RMPOPT_NO_PAGES / 2) << RMPOPT_PAGE_SHIFT),
};

static __always_inline s32 pages_of(unsigned int level)
{
	return level == PG_LEVEL_2M ? PTRS_PER_PMD : 1;
}

static __always_inline void begin(struct call *call, u64 pfn, s32 pages)
{
	u64 gib = pfn >> REGION_PFN_SHIFT;
	struct rmpopt_line *line = line_of(gib);

	call->line = line ?: &elsewhere;
	call->gib = gib;
	call->pages = line ? pages : 0;
	atomic64_add(RMPOPT_IN_FLIGHT, &call->line->state);
}

static __always_inline s32 assigned(u64 state)
{
	return (s32)((state >> RMPOPT_PAGE_SHIFT) & ((1U << RMPOPT_PAGES_BITS) - 1)) -
	       RMPOPT_NO_PAGES;
}

static notrace void ring(void)
{
	if (!READ_ONCE(bell.rung) && !xchg(&bell.rung, 1))
		schedule_work(&bell.work);
}

/* @ret: 0, a negative errno, or the instruction's own code. */
static __always_inline void end(const struct call *call, int ret)
{
	struct rmpopt_line *line = call->line;
	s64 delta = RMPOPT_CONVERSION - RMPOPT_IN_FLIGHT;
	u64 now;
	s32 pages;

	if (unlikely(ret)) {
		/* While it was in flight the thread could not tell whether the region is free. */
		if (assigned(atomic64_sub_return(RMPOPT_IN_FLIGHT, &line->state)) <= 0)
			ring();
		return;
	}

	/* Before the count: who sees the count sees the time. */
	now = now_ms();
	if (READ_ONCE(line->last) != now)
		WRITE_ONCE(line->last, now);
	delta += (s64)call->pages * (s64)RMPOPT_PAGE;
	pages = assigned(atomic64_add_return(delta, &line->state));
	if (pages <= 0) {
		ring();
	} else if (pages <= call->pages && READ_ONCE(line->optimised)) {
		WRITE_ONCE(line->optimised, 0);
		trace_region_lost(call->gib, pages);
	}
}

/*
 * The first choice: a direct call. The function's first instruction calls a
 * trampoline of ours; it drops that call's return address, so that the wrapper
 * stands in the caller's place, and the wrapper calls what lies behind that first
 * instruction. It costs a tenth of what an fprobe with an exit handler does.
 * There can be one direct call only: where somebody else has it, we take fprobes.
 */
static int (*private_body)(u64 pfn, u64 gpa, enum pg_level level, u32 asid, bool immutable);
static int (*shared_body)(u64 pfn, enum pg_level level);
static int (*psmash_body)(u64 pfn);

asmlinkage int rmpopt_private(u64 pfn, u64 gpa, enum pg_level level, u32 asid, bool immutable);
asmlinkage int rmpopt_shared(u64 pfn, enum pg_level level);
asmlinkage int rmpopt_psmash(u64 pfn);

asmlinkage notrace __visible int rmpopt_private(u64 pfn, u64 gpa, enum pg_level level, u32 asid,
						bool immutable)
{
	struct call call;
	int ret;

	begin(&call, pfn, pages_of(level));
	ret = private_body(pfn, gpa, level, asid, immutable);
	end(&call, ret);
	return ret;
}

asmlinkage notrace __visible int rmpopt_shared(u64 pfn, enum pg_level level)
{
	struct call call;
	int ret;

	begin(&call, pfn, -pages_of(level));
	ret = shared_body(pfn, level);
	end(&call, ret);
	return ret;
}

asmlinkage notrace __visible int rmpopt_psmash(u64 pfn)
{
	struct call call;
	int ret;

	begin(&call, pfn, 0);
	ret = psmash_body(pfn);
	end(&call, ret);
	return ret;
}

#define TRAMPOLINE(name)						\
	void name##_trampoline(void);					\
	asm(".pushsection .text, \"ax\", @progbits\n"			\
	    ".type " #name "_trampoline, @function\n"			\
	    #name "_trampoline:\n"					\
	    ASM_ENDBR							\
	    "addq $8, %rsp\n"						\
	    UNWIND_HINT_FUNC						\
	    "jmp " #name "\n"						\
	    "int3\n"							\
	    ".size " #name "_trampoline, . - " #name "_trampoline\n"	\
	    ".popsection\n")

TRAMPOLINE(rmpopt_private);
TRAMPOLINE(rmpopt_shared);
TRAMPOLINE(rmpopt_psmash);

static struct direct {
	struct ftrace_ops ops;
	void *function;
	void (*trampoline)(void);
	void **body;
} directs[] = {
	{ .function = rmp_make_private, .trampoline = rmpopt_private_trampoline,
	  .body = (void **)&private_body },
	{ .function = rmp_make_shared, .trampoline = rmpopt_shared_trampoline,
	  .body = (void **)&shared_body },
	{ .function = psmash, .trampoline = rmpopt_psmash_trampoline,
	  .body = (void **)&psmash_body },
};

/*
 * Where the function's body begins. Its first instruction is what ftrace
 * patches, behind an ENDBR where the kernel is built with those. With indirect
 * branch tracking active nobody may call into the middle of a function, and with
 * kCFI the type that the compiler checks before a call would not stand there.
 */
static void *body_of(void *function)
{
	u8 *first = function + ENDBR_INSN_SIZE;

	if (IS_ENABLED(CONFIG_CFI) || cpu_feature_enabled(X86_FEATURE_IBT))
		return NULL;
	if (ENDBR_INSN_SIZE && !__is_endbr(*(u32 *)function))
		return NULL;
	if (*first != CALL_INSN_OPCODE && *first != BYTES_NOP5_FIRST)
		return NULL;
	return first + MCOUNT_INSN_SIZE;
}

static u64 in_flight(void)
{
	u64 sum = atomic64_read(&elsewhere.state) & (RMPOPT_PAGE - 1);
	unsigned int i, j;

	for (i = 0; i < CHUNKS; i++)
		for (j = 0; chunks[i] && j < CHUNK_LINES; j++)
			sum += atomic64_read(&chunks[i][j].state) & (RMPOPT_PAGE - 1);
	return sum;
}

/*
 * Removes the direct calls. A task may be in the few instructions around a wrapper's
 * counting, where it may be preempted but never sleeps: the grace periods
 * wait for it. Or in the kernel's function, where it may sleep: it is counted.
 */
static void direct_unregister(unsigned int count)
{
	while (count--)
		WARN_ON(unregister_ftrace_direct(&directs[count].ops,
						 (unsigned long)directs[count].trampoline, true));
	synchronize_rcu_tasks();
	while (in_flight())
		msleep(1);
	synchronize_rcu_tasks();
}

static int direct_register(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(directs); i++) {
		struct direct *d = &directs[i];

		*d->body = body_of(d->function);
		if (!*d->body)
			err = -EOPNOTSUPP;
		else
			err = ftrace_set_filter_ip(&d->ops, (unsigned long)d->function, 0, 0);
		if (!err) {
			err = register_ftrace_direct(&d->ops, (unsigned long)d->trampoline);
			if (err)
				ftrace_set_filter_ip(&d->ops, (unsigned long)d->function, 1, 0);
		}
		if (err) {
			direct_unregister(i);
			return err;
		}
	}
	return 0;
}

/* The second choice: fprobes. */
static notrace int private_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				 struct ftrace_regs *regs, void *data)
{
	begin(data, ftrace_regs_get_argument(regs, 0),
	      pages_of(ftrace_regs_get_argument(regs, 2)));
	return 0;
}

static notrace int shared_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				struct ftrace_regs *regs, void *data)
{
	begin(data, ftrace_regs_get_argument(regs, 0),
	      -pages_of(ftrace_regs_get_argument(regs, 1)));
	return 0;
}

static notrace int psmash_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				struct ftrace_regs *regs, void *data)
{
	begin(data, ftrace_regs_get_argument(regs, 0), 0);
	return 0;
}

static notrace void call_exit(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
			      struct ftrace_regs *regs, void *data)
{
	end(data, ftrace_regs_get_return_value(regs));
}

static struct fprobe probes[] = {
	{ .entry_handler = private_entry },
	{ .entry_handler = shared_entry },
	{ .entry_handler = psmash_entry },
};

static const char * const symbols[] = {
	"rmp_make_private",
	"rmp_make_shared",
	"psmash",
};

static void fprobe_unregister(unsigned int count)
{
	while (count--)
		unregister_fprobe(&probes[count]);
}

static int fprobe_register(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const char *symbol = symbols[i];

		probes[i].exit_handler = call_exit;
		probes[i].entry_data_size = sizeof(struct call);
		err = register_fprobe_syms(&probes[i], &symbol, 1);
		if (err) {
			fprobe_unregister(i);
			return err;
		}
	}
	return 0;
}

static int active;

static void bell_work(struct work_struct *work)
{
	bell.ring(bell.data);
}

/*
 * Calls ring(data) in thread context when a region may have become free.
 * Returns RMPOPT_PROBE_*, or a negative errno. Calls that were in the functions
 * already, unseen, have returned by then, but for those that slept there.
 */
int rmpopt_probe_register(void (*func)(void *data), void *data)
{
	bell.rung = 0;
	bell.ring = func;
	bell.data = data;
	INIT_WORK(&bell.work, bell_work);
	active = direct_register() ? 0 : RMPOPT_PROBE_DIRECT;
	if (!active) {
		int err = fprobe_register();

		if (err) {
			cancel_work_sync(&bell.work);
			return err;
		}
		active = RMPOPT_PROBE_FPROBE;
	}
	synchronize_rcu_tasks();
	return active;
}

/* No handler runs any more when this returns, and nobody is rung for. */
void rmpopt_probe_unregister(void)
{
	if (active == RMPOPT_PROBE_DIRECT)
		direct_unregister(ARRAY_SIZE(directs));
	else
		fprobe_unregister(ARRAY_SIZE(probes));
	cancel_work_sync(&bell.work);
}

/* Calls that the kernel could not report. */
unsigned long rmpopt_probe_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += READ_ONCE(probes[i].nmissed);
	return missed;
}

bool rmpopt_bell_rung(void)
{
	return READ_ONCE(bell.rung);
}

/* Whoever calls this looks at the lines afterwards. */
void rmpopt_bell_reset(void)
{
	xchg(&bell.rung, 0);
}
