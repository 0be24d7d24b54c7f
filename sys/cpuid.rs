// SPDX-License-Identifier: GPL-2.0

//! The CPUID instruction.

use core::arch::x86_64::{
    CpuidResult, //
    __cpuid_count,
};

/// Executes CPUID with this leaf and subleaf 0. May be called in any context.
#[allow(unused_unsafe, reason = "newer compilers take it for safe")]
pub(crate) fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: Every x86-64 processor has CPUID; it touches registers only.
    unsafe { __cpuid_count(leaf, 0) }
}
