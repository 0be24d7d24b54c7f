// SPDX-License-Identifier: GPL-2.0
/*
 * See probe.h. The handlers run in whatever context the kernel converts a page,
 * with preemption off. They neither sleep nor lock nor allocate, and write no
 * cache line but the region's own; only the first region that may have become
 * free since the thread last looked writes one more, and wakes the thread.
 */
#include <linux/fprobe.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "probe.h"
#include "trace.h"

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

static __always_inline s32 pages_of(unsigned long level)
{
	return level == PG_LEVEL_2M ? PTRS_PER_PMD : 1;
}

/* Not 0: this call is not for us, its exit is not reported. */
static __always_inline int begin(struct call *call, u64 pfn, s32 pages)
{
	u64 gib = pfn >> REGION_PFN_SHIFT;
	struct rmpopt_line *line = line_of(gib);

	if (unlikely(!line))
		return 1;
	call->line = line;
	call->gib = gib;
	call->pages = pages;
	atomic64_add(RMPOPT_IN_FLIGHT, &line->state);
	return 0;
}

static notrace int private_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				 struct ftrace_regs *regs, void *data)
{
	return begin(data, ftrace_regs_get_argument(regs, 0),
		     pages_of((u32)ftrace_regs_get_argument(regs, 2)));
}

static notrace int shared_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				struct ftrace_regs *regs, void *data)
{
	return begin(data, ftrace_regs_get_argument(regs, 0),
		     -pages_of((u32)ftrace_regs_get_argument(regs, 1)));
}

static notrace int psmash_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				struct ftrace_regs *regs, void *data)
{
	return begin(data, ftrace_regs_get_argument(regs, 0), 0);
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

static notrace void call_exit(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
			      struct ftrace_regs *regs, void *data)
{
	struct call *call = data;
	struct rmpopt_line *line = call->line;
	s64 delta = RMPOPT_CONVERSION - RMPOPT_IN_FLIGHT;
	u64 now;
	s32 pages;

	/* Negative errno, or the instruction's own code. */
	if (unlikely((int)ftrace_regs_get_return_value(regs))) {
		atomic64_sub(RMPOPT_IN_FLIGHT, &line->state);
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

static void unregister(unsigned int count)
{
	while (count--)
		unregister_fprobe(&probes[count]);
}

static void bell_work(struct work_struct *work)
{
	bell.ring(bell.data);
}

/* Calls ring(data) in thread context when a region may have become free. */
int rmpopt_probe_register(void (*func)(void *data), void *data)
{
	unsigned int i;
	int err;

	bell.rung = 0;
	bell.ring = func;
	bell.data = data;
	INIT_WORK(&bell.work, bell_work);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const char *symbol = symbols[i];

		probes[i].exit_handler = call_exit;
		probes[i].entry_data_size = sizeof(struct call);
		err = register_fprobe_syms(&probes[i], &symbol, 1);
		if (err) {
			unregister(i);
			cancel_work_sync(&bell.work);
			return err;
		}
	}
	return 0;
}

/* No handler runs any more when this returns, and nobody is rung for. */
void rmpopt_probe_unregister(void)
{
	unregister(ARRAY_SIZE(probes));
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
