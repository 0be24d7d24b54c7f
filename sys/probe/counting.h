/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code that runs before and after each conversion, in every context in which
 * the kernel converts pages. One of these is the panic notifier, where all other
 * CPUs have stopped and may hold any lock. This code does not sleep, lock or
 * allocate, and writes no cache line except that of the region's counters. There
 * is one exception: the first conversion since the thread last looked that may
 * have made a region free also writes rmpopt_kick_state and has the thread kicked,
 * by an interrupt to the thread's CPU. In a panic the thread is not kicked: a
 * wake-up takes locks of the scheduler.
 */
#ifndef RMPOPT_COUNTING_H
#define RMPOPT_COUNTING_H

#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/panic.h>
#include <linux/pgtable.h>

#include "../trace.h"
#include "probe.h"

#define RMPOPT_REGION_PFN_SHIFT	(30 - PAGE_SHIFT)

/* Counters are allocated in chunks of 64 regions, for the chunks that hold RAM. */
#define RMPOPT_CHUNK_SHIFT	6
#define RMPOPT_CHUNK_REGIONS	(1U << RMPOPT_CHUNK_SHIFT)
#define RMPOPT_CHUNKS		1024U

extern struct rmpopt_region_counters *rmpopt_chunks[RMPOPT_CHUNKS];
extern struct rmpopt_region_counters rmpopt_elsewhere;

void rmpopt_kick(void);
void rmpopt_kick_begin(void (*kick)(void *data), void *data);
void rmpopt_kick_end(void);
void rmpopt_count_unsure(u64 pfn);
void rmpopt_settle_unsure(void);

/* The data that rmpopt_call_begin() passes to rmpopt_call_end(). */
struct rmpopt_call {
	struct rmpopt_region_counters *counters;
	u32 gib;
	s32 pages;
};

static __always_inline struct rmpopt_region_counters *rmpopt_counters_find(u64 gib)
{
	struct rmpopt_region_counters *chunk;

	if (gib >= RMPOPT_CHUNKS * RMPOPT_CHUNK_REGIONS)
		return NULL;
	chunk = READ_ONCE(rmpopt_chunks[gib >> RMPOPT_CHUNK_SHIFT]);
	return chunk ? chunk + (gib % RMPOPT_CHUNK_REGIONS) : NULL;
}

static __always_inline u64 rmpopt_jiffies_ms(void)
{
	return div_u64(get_jiffies_64() * MSEC_PER_SEC, HZ);
}

static __always_inline s32 rmpopt_pages_of(unsigned int level)
{
	return level == PG_LEVEL_2M ? PTRS_PER_PMD : 1;
}

static __always_inline s32 rmpopt_assigned(u64 state)
{
	return (s32)((state >> RMPOPT_PAGE_SHIFT) & ((1U << RMPOPT_PAGES_BITS) - 1)) -
	       RMPOPT_NO_PAGES;
}

/* A conversion begins that adds @pages assigned pages if it succeeds. */
static __always_inline void rmpopt_call_begin(struct rmpopt_call *call, u64 pfn, s32 pages)
{
	u64 gib = pfn >> RMPOPT_REGION_PFN_SHIFT;
	struct rmpopt_region_counters *counters = rmpopt_counters_find(gib);

	call->counters = counters ?: &rmpopt_elsewhere;
	call->gib = gib;
	call->pages = counters ? pages : 0;
	atomic64_add(RMPOPT_IN_FLIGHT, &call->counters->state);
}

/* A conversion ends. @ret: 0, a negative errno, or the code of the instruction. */
static __always_inline void rmpopt_call_end(const struct rmpopt_call *call, int ret)
{
	struct rmpopt_region_counters *counters = call->counters;
	s64 delta = RMPOPT_CONVERSION - RMPOPT_IN_FLIGHT;
	u64 now;
	s32 pages;

	if (unlikely(ret)) {
		/* While the call was in flight the thread could not say whether the region is free. */
		if (rmpopt_assigned(atomic64_sub_return(RMPOPT_IN_FLIGHT, &counters->state)) <= 0)
			rmpopt_kick();
		return;
	}

	/* Written before the count: a reader that sees the new count also sees this time. */
	now = rmpopt_jiffies_ms();
	if (READ_ONCE(counters->last) != now)
		WRITE_ONCE(counters->last, now);
	delta += (s64)call->pages * (s64)RMPOPT_PAGE;
	pages = rmpopt_assigned(atomic64_add_return(delta, &counters->state));
	if (pages <= 0) {
		rmpopt_kick();
	} else if (pages <= call->pages && READ_ONCE(counters->optimised)) {
		WRITE_ONCE(counters->optimised, 0);
		/* In a panic there is no tracepoint: a probe on it could take locks. */
		if (!panic_in_progress())
			trace_region_displaced(call->gib, pages);
	}
}

/* direct.c */
int rmpopt_direct_register(void (*shared)(void));
bool rmpopt_direct_alone(void);
void rmpopt_direct_unregister(void);

/* fprobe.c */
int rmpopt_fprobe_register(void);
void rmpopt_fprobe_unregister(void);

#endif
