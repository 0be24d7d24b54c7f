// SPDX-License-Identifier: GPL-2.0
/* The counters of all regions, and the kick of the thread. See counting.h. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "../shim.h"
#include "counting.h"

struct rmpopt_region_counters *rmpopt_chunks[RMPOPT_CHUNKS];

/* The calls for all regions without counters. Their pages are not counted; no kick follows. */
struct rmpopt_region_counters rmpopt_elsewhere = {
	.state = ATOMIC64_INIT((u64)(RMPOPT_NO_PAGES + RMPOPT_NO_PAGES / 2) << RMPOPT_PAGE_SHIFT),
};

static struct {
	/* 1 from the first conversion that may have made a region free until the thread looks. */
	u32 pending;
	/* 1 from the request of an interrupt that calls func() until that call begins. */
	u32 requested;
	/* The CPU on which the thread last looked. */
	u32 cpu;
	void (*func)(void *data);
	void *data;
} rmpopt_kick_state ____cacheline_aligned;

struct rmpopt_region_counters *rmpopt_counters_of(u64 gib)
{
	return rmpopt_counters_find(gib);
}

/* Allocates the counters of the region's chunk, with the word @state, unless they exist. May sleep. */
int rmpopt_counters_cover(u64 gib, u64 state)
{
	static DEFINE_MUTEX(rmpopt_cover_lock);
	struct rmpopt_region_counters *chunk;
	unsigned int i;

	if (gib >= RMPOPT_CHUNKS * RMPOPT_CHUNK_REGIONS)
		return -EFBIG;
	guard(mutex)(&rmpopt_cover_lock);
	if (rmpopt_counters_find(gib))
		return 0;
	chunk = kcalloc(RMPOPT_CHUNK_REGIONS, sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;
	for (i = 0; i < RMPOPT_CHUNK_REGIONS; i++)
		atomic64_set(&chunk[i].state, state);
	/*
	 * Pairs with the address dependency in rmpopt_counters_find(): a conversion
	 * that finds the chunk finds the states that were just set.
	 */
	smp_store_release(&rmpopt_chunks[gib >> RMPOPT_CHUNK_SHIFT], chunk);
	return 0;
}

/* Frees all counters. No probe may be registered any more. */
void rmpopt_counters_free(void)
{
	unsigned int i;

	for (i = 0; i < RMPOPT_CHUNKS; i++) {
		kfree(rmpopt_chunks[i]);
		rmpopt_chunks[i] = NULL;
	}
}

/* Counts a conversion, and makes the number of the region's assigned pages unknown. */
static notrace void rmpopt_forget_pages(struct rmpopt_region_counters *counters)
{
	const u64 mask = ((1ULL << RMPOPT_PAGES_BITS) - 1) << RMPOPT_PAGE_SHIFT;
	const u64 unknown = (u64)(RMPOPT_NO_PAGES - RMPOPT_UNKNOWN_BELOW) << RMPOPT_PAGE_SHIFT;
	s64 old = atomic64_read(&counters->state);

	WRITE_ONCE(counters->last, rmpopt_jiffies_ms());
	while (!atomic64_try_cmpxchg(&counters->state, &old,
				     ((old & ~mask) | unknown) + RMPOPT_CONVERSION))
		;
	rmpopt_kick();
}

/* A call begins whose end will not be seen: the pages of its region have to be counted. */
notrace void rmpopt_count_unsure(u64 pfn)
{
	struct rmpopt_region_counters *counters =
		rmpopt_counters_find(pfn >> RMPOPT_REGION_PFN_SHIFT);

	if (!counters)
		return;
	WRITE_ONCE(counters->unsure, 1);
	rmpopt_forget_pages(counters);
}

/*
 * To be called when all calls whose end was not seen have ended. The thread may have
 * counted a region's pages before such a call changed them: the number of pages
 * becomes unknown again.
 */
void rmpopt_settle_unsure(void)
{
	unsigned int i, j;

	for (i = 0; i < RMPOPT_CHUNKS; i++)
		for (j = 0; rmpopt_chunks[i] && j < RMPOPT_CHUNK_REGIONS; j++)
			if (xchg(&rmpopt_chunks[i][j].unsure, 0))
				rmpopt_forget_pages(&rmpopt_chunks[i][j]);
}

u64 rmpopt_now_ms(void)
{
	return rmpopt_jiffies_ms();
}

static void rmpopt_kick_interrupt(void *unused)
{
	/* Orders the call after this write: see rmpopt_kick_elsewhere(). */
	xchg(&rmpopt_kick_state.requested, 0);
	if (!panic_in_progress())
		rmpopt_kick_state.func(rmpopt_kick_state.data);
}

static call_single_data_t rmpopt_kick_call = CSD_INIT(rmpopt_kick_interrupt, NULL);

/* The CPU that executes the thread's wake-up: the thread's own, or another that is not isolated. */
static notrace unsigned int rmpopt_kick_cpu(void)
{
	unsigned int cpu = READ_ONCE(rmpopt_kick_state.cpu);

	if (cpu_online(cpu) && !rmpopt_cpu_isolated(cpu))
		return cpu;
	for_each_online_cpu(cpu)
		if (!rmpopt_cpu_isolated(cpu))
			return cpu;
	return raw_smp_processor_id();
}

/*
 * Has another CPU kick the thread. Returns false where the caller must do it.
 *
 * A caller that finds an interrupt requested already relies on that one. It has
 * counted its conversion before, and xchg() orders the two: the thread that the
 * interrupt wakes sees the count. Preemption is disabled so that nobody relies on a
 * task that does not run.
 */
static notrace bool rmpopt_kick_elsewhere(void)
{
	unsigned int cpu = rmpopt_kick_cpu();
	bool requested = true;

	preempt_disable_notrace();
	if (cpu == raw_smp_processor_id()) {
		requested = false;
	} else if (!xchg(&rmpopt_kick_state.requested, 1) &&
		   smp_call_function_single_async(cpu, &rmpopt_kick_call)) {
		/* The CPU has gone offline. */
		xchg(&rmpopt_kick_state.requested, 0);
		requested = false;
	}
	preempt_enable_notrace();
	return requested;
}

/*
 * Kicks the thread, because a region may have become free. The conversion may run
 * on an isolated CPU or on that of a guest's vCPU, which are not to do the work of
 * a wake-up: an interrupt to the thread's CPU does it there.
 */
notrace void rmpopt_kick(void)
{
	if (READ_ONCE(rmpopt_kick_state.pending))
		return;
	/* In a panic another CPU may have been stopped while it held the lock of a run queue. */
	if (panic_in_progress())
		return;
	if (xchg(&rmpopt_kick_state.pending, 1))
		return;
	if (!rmpopt_kick_elsewhere())
		rmpopt_kick_state.func(rmpopt_kick_state.data);
}

/*
 * From now on rmpopt_kick() leads to a call kick(data), in the context of a
 * conversion or in an interrupt. After one call rmpopt_kick_reset() must allow the
 * next.
 */
void rmpopt_kick_begin(void (*kick)(void *data), void *data)
{
	rmpopt_kick_state.pending = 0;
	rmpopt_kick_state.func = kick;
	rmpopt_kick_state.data = data;
}

/* When this returns, kick() is not called any more. No probe may be registered any more. */
void rmpopt_kick_end(void)
{
	/* A CPU that goes offline handles what was requested of it before. */
	while (READ_ONCE(rmpopt_kick_state.requested))
		usleep_range(USEC_PER_MSEC, 2 * USEC_PER_MSEC);
	/* The interrupt that has cleared the flag ends before a grace period does. */
	synchronize_rcu();
}

bool rmpopt_kicked(void)
{
	return READ_ONCE(rmpopt_kick_state.pending);
}

/*
 * Allows the next kick. The caller is the thread, and reads the counters
 * afterwards: xchg() orders the two.
 */
void rmpopt_kick_reset(void)
{
	WRITE_ONCE(rmpopt_kick_state.cpu, raw_smp_processor_id());
	xchg(&rmpopt_kick_state.pending, 0);
}
