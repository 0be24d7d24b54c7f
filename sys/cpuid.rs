// SPDX-License-Identifier: GPL-2.0

//! The CPUID instruction.

use crate::sev::cpuid::Leaf;

/// Executes CPUID with this leaf and subleaf 0. In any context.
pub(crate) fn cpuid(leaf: u32) -> Leaf {
    // SAFETY: Every x86-64 processor has CPUID; it touches registers only.
    let result = unsafe { core::arch::x86_64::__cpuid_count(leaf, 0) };
    Leaf {
        eax: result.eax,
        ebx: result.ebx,
        ecx: result.ecx,
        edx: result.edx,
    }
}
