/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tracepoints. sys/trace.rs declares those that Rust emits: change both together. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rmpopt

#if !defined(RMPOPT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RMPOPT_TRACE_H

#include <linux/tracepoint.h>

/* As engine/stats.rs numbers them. */
#define rmpopt_show_reason(reason)		\
	__print_symbolic(reason,		\
			 { 0, "start" },	\
			 { 1, "request" },	\
			 { 2, "range" },	\
			 { 3, "given-back" },	\
			 { 4, "check" },	\
			 { 5, "poll" },		\
			 { 6, "host" })

/*
 * An optimised region got an assigned page, in the context of the conversion; or a
 * check found the region missing on a core, with pages=0, in thread context.
 */
TRACE_EVENT(region_displaced,
	TP_PROTO(u32 gib, u32 pages),
	TP_ARGS(gib, pages),
	TP_STRUCT__entry(
		__field(u32, gib)
		__field(u32, pages)
	),
	TP_fast_assign(
		__entry->gib = gib;
		__entry->pages = pages;
	),
	TP_printk("gib=%u pages=%u", __entry->gib, __entry->pages)
);

/* All participating cores have the region optimised, after a conversion had displaced it. */
TRACE_EVENT(region_optimised,
	TP_PROTO(u32 gib, u64 delay_ms),
	TP_ARGS(gib, delay_ms),
	TP_STRUCT__entry(
		__field(u32, gib)
		__field(u64, delay_ms)
	),
	TP_fast_assign(
		__entry->gib = gib;
		__entry->delay_ms = delay_ms;
	),
	TP_printk("gib=%u delay_ms=%llu", __entry->gib, __entry->delay_ms)
);

TRACE_EVENT(pass_begin,
	TP_PROTO(u32 reason, u32 regions),
	TP_ARGS(reason, regions),
	TP_STRUCT__entry(
		__field(u32, reason)
		__field(u32, regions)
	),
	TP_fast_assign(
		__entry->reason = reason;
		__entry->regions = regions;
	),
	TP_printk("reason=%s regions=%u", rmpopt_show_reason(__entry->reason), __entry->regions)
);

TRACE_EVENT(pass_end,
	TP_PROTO(u32 reason, u32 regions, u32 cores, u32 scans, u64 duration_us),
	TP_ARGS(reason, regions, cores, scans, duration_us),
	TP_STRUCT__entry(
		__field(u32, reason)
		__field(u32, regions)
		__field(u32, cores)
		__field(u32, scans)
		__field(u64, duration_us)
	),
	TP_fast_assign(
		__entry->reason = reason;
		__entry->regions = regions;
		__entry->cores = cores;
		__entry->scans = scans;
		__entry->duration_us = duration_us;
	),
	TP_printk("reason=%s regions=%u cores=%u scans=%u duration_us=%llu",
		  rmpopt_show_reason(__entry->reason), __entry->regions, __entry->cores,
		  __entry->scans, __entry->duration_us)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH sys
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
