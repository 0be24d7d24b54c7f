/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts conversions of pages between private and shared, which the kernel's RMP
 * functions carry out. sys/probe.rs declares the same for Rust, and
 * engine/dirty/tracker.rs interprets the field "state": change all of them
 * together.
 */
#ifndef RMPOPT_PROBE_H
#define RMPOPT_PROBE_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/stddef.h>
#include <linux/types.h>

/* The parts of rmpopt_region_counters.state. */
#define RMPOPT_IN_FLIGHT	1ULL
#define RMPOPT_PAGE_SHIFT	12
#define RMPOPT_PAGE		(1ULL << RMPOPT_PAGE_SHIFT)
#define RMPOPT_PAGES_BITS	24
#define RMPOPT_NO_PAGES		(1 << (RMPOPT_PAGES_BITS - 1))
#define RMPOPT_CONVERSION	(1ULL << (RMPOPT_PAGE_SHIFT + RMPOPT_PAGES_BITS))
/* The negative of the number of pages of a region whose pages were not counted. */
#define RMPOPT_UNKNOWN_BELOW	4194304

/*
 * The counters of one region. A conversion reads and writes this cache line only.
 * RMPOPT_FIELD() below takes each field and its offset. sys/probe.rs repeats the
 * offsets: neither side compiles where a field is at another offset.
 */
struct rmpopt_region_counters {
	atomic64_t state;
	/* When the last conversion ended, in milliseconds. */
	u64 last;
	/* Set by Rust when the region is optimised, cleared when the region is displaced. */
	u32 optimised;
	/* 1 where only the beginning of a conversion was seen. */
	u32 unsure;
	/* Only Rust uses the fields from here on. */
	u64 before;
	u64 attempt;
	u32 seen;
	u32 result;
	u32 awaited;
} ____cacheline_aligned;

#define RMPOPT_FIELD(field, offset) \
	static_assert(offsetof(struct rmpopt_region_counters, field) == (offset))
RMPOPT_FIELD(state, 0);
RMPOPT_FIELD(last, 8);
RMPOPT_FIELD(optimised, 16);
RMPOPT_FIELD(unsure, 20);
RMPOPT_FIELD(before, 24);
RMPOPT_FIELD(attempt, 32);
RMPOPT_FIELD(seen, 40);
RMPOPT_FIELD(result, 44);
RMPOPT_FIELD(awaited, 48);
static_assert(sizeof(struct rmpopt_region_counters) == 64);

int rmpopt_counters_cover(u64 gib, u64 state);
struct rmpopt_region_counters *rmpopt_counters_of(u64 gib);
void rmpopt_counters_free(void);

/* How the module sees conversions. */
#define RMPOPT_PROBE_NONE	0
#define RMPOPT_PROBE_DIRECT	1
#define RMPOPT_PROBE_FPROBE	2

int rmpopt_probe_register(void (*kick)(void *data), void *data);
void rmpopt_probe_unregister(void);
int rmpopt_probe_kind(void);
unsigned long rmpopt_probe_missed(void);
bool rmpopt_kicked(void);
void rmpopt_kick_reset(void);
u64 rmpopt_now_ms(void);

#endif
