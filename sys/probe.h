/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts conversions of pages between private and shared, as the kernel's RMP
 * functions carry them out. sys/probe.rs declares the same for Rust, and
 * engine/tracker.rs says what the fields mean: change all of them together.
 */
#ifndef RMPOPT_PROBE_H
#define RMPOPT_PROBE_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/types.h>

/* The parts of rmpopt_line.state. */
#define RMPOPT_IN_FLIGHT	1ULL
#define RMPOPT_PAGE_SHIFT	12
#define RMPOPT_PAGE		(1ULL << RMPOPT_PAGE_SHIFT)
#define RMPOPT_PAGES_BITS	24
#define RMPOPT_NO_PAGES		(1 << (RMPOPT_PAGES_BITS - 1))
#define RMPOPT_CONVERSION	(1ULL << (RMPOPT_PAGE_SHIFT + RMPOPT_PAGES_BITS))

/* What is known of one region: all that a conversion reads and writes is here. */
struct rmpopt_line {
	atomic64_t state;
	/* When the last conversion ended, in milliseconds. */
	u64 last;
	/* Set by Rust when the region is optimised, cleared when it is lost. */
	u32 optimised;
	/* Used by Rust alone. */
	u32 seen;
	u64 before;
	u64 attempt;
	u32 result;
	u32 pages;
} ____cacheline_aligned;

int rmpopt_lines_cover(u64 gib, u64 state);
struct rmpopt_line *rmpopt_line(u64 gib);
void rmpopt_lines_free(void);

/* How conversions are seen. */
#define RMPOPT_PROBE_DIRECT	1
#define RMPOPT_PROBE_FPROBE	2

int rmpopt_probe_register(void (*ring)(void *data), void *data);
void rmpopt_probe_unregister(void);
unsigned long rmpopt_probe_missed(void);
bool rmpopt_bell_rung(void);
void rmpopt_bell_reset(void);
u64 rmpopt_now_ms(void);

#endif
