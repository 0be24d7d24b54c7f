// SPDX-License-Identifier: GPL-2.0

//! The module's tracepoints, as `trace.h` defines them. A tracepoint that is off costs one jump or NOP.

use kernel::{
    bindings,
    jump_label::static_branch_unlikely, //
};

#[expect(improper_ctypes, reason = "tracepoints hold types without a size in C")]
extern "C" {
    static __tracepoint_region_displaced: bindings::tracepoint;
    static __tracepoint_region_optimised: bindings::tracepoint;
    static __tracepoint_pass_begin: bindings::tracepoint;
    static __tracepoint_pass_end: bindings::tracepoint;
    fn rust_do_trace_region_displaced(gib: u32, pages: u32);
    fn rust_do_trace_region_optimised(gib: u32, delay_ms: u64);
    fn rust_do_trace_pass_begin(reason: u32, regions: u32);
    fn rust_do_trace_pass_end(reason: u32, regions: u32, cores: u32, scans: u32, duration_us: u64);
}

/// Reports that an optimised region is missing on a core although the probes saw no conversion. The probes report
/// conversions that displace regions themselves. In any context.
pub(crate) fn region_displaced(gib: u32, pages: u32) {
    // SAFETY: `trace.c` defines the tracepoint.
    if unsafe { static_branch_unlikely!(__tracepoint_region_displaced, bindings::tracepoint, key) }
    {
        // SAFETY: As in `trace.h`.
        unsafe { rust_do_trace_region_displaced(gib, pages) };
    }
}

/// Reports that a region is optimised again, `delay_ms` after its last conversion. In any context.
pub(crate) fn region_optimised(gib: u32, delay_ms: u64) {
    // SAFETY: `trace.c` defines the tracepoint.
    if unsafe { static_branch_unlikely!(__tracepoint_region_optimised, bindings::tracepoint, key) }
    {
        // SAFETY: As in `trace.h`.
        unsafe { rust_do_trace_region_optimised(gib, delay_ms) };
    }
}

/// Reports that a pass begins. In any context.
pub(crate) fn pass_begin(reason: u32, regions: u32) {
    // SAFETY: `trace.c` defines the tracepoint.
    if unsafe { static_branch_unlikely!(__tracepoint_pass_begin, bindings::tracepoint, key) } {
        // SAFETY: As in `trace.h`.
        unsafe { rust_do_trace_pass_begin(reason, regions) };
    }
}

/// Reports that a pass has ended. In any context.
pub(crate) fn pass_end(reason: u32, regions: u32, cores: u32, scans: u32, duration_us: u64) {
    // SAFETY: `trace.c` defines the tracepoint.
    if unsafe { static_branch_unlikely!(__tracepoint_pass_end, bindings::tracepoint, key) } {
        // SAFETY: As in `trace.h`.
        unsafe { rust_do_trace_pass_end(reason, regions, cores, scans, duration_us) };
    }
}
