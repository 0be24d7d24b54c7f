// SPDX-License-Identifier: GPL-2.0

//! Reads CPUID and MSRs of the core that the caller runs on.

use super::{
    assess::Found,
    cpuid::{
        Features,
        Leaf, //
    },
    msr::{
        Hwcr,
        RmpRegisters,
        RmpoptBase,
        Syscfg,
        HWCR,
        RMPOPT_BASE,
        RMP_BASE,
        RMP_CFG,
        RMP_END,
        SYSCFG, //
    },
};
use crate::sys::{
    cpu::OnCpu,
    cpuid::cpuid,
    insn::Fault,
    msr,
    native, //
};
use core::arch::x86_64::CpuidResult;

/// Reads SYSCFG of this core.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where there is no such MSR.
pub(crate) fn syscfg(on: &OnCpu) -> Result<Syscfg, Fault> {
    msr::read(on, SYSCFG).map(Syscfg)
}

/// Reads HWCR of this core.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where there is no such MSR.
pub(crate) fn hwcr(on: &OnCpu) -> Result<Hwcr, Fault> {
    msr::read(on, HWCR).map(Hwcr)
}

/// Executes CPUID.
fn leaf(number: u32) -> Leaf {
    let CpuidResult { eax, ebx, ecx, edx } = cpuid(number);
    Leaf { eax, ebx, ecx, edx }
}

/// Reads all that decides what the module does on this host.
///
/// An MSR that the processor should have and does not answer reads as 0.
pub(crate) fn find(on: &OnCpu) -> Found {
    let features = Features::decode(leaf);
    if !features.snp {
        return Found {
            features,
            ..Found::default()
        };
    }
    let read = |number| msr::read(on, number).unwrap_or(0);
    Found {
        features,
        syscfg: Syscfg(read(SYSCFG)),
        rmp: RmpRegisters {
            base: read(RMP_BASE),
            end: read(RMP_END),
            cfg: if features.segmented.is_some() {
                read(RMP_CFG)
            } else {
                0
            },
        },
        rmpopt_base: RmpoptBase(if features.rmpopt {
            read(RMPOPT_BASE)
        } else {
            0
        }),
        native: native::kernel_has_rmpopt(),
    }
}
