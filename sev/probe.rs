// SPDX-License-Identifier: GPL-2.0

//! Reads CPUID and MSRs of the calling core.

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
        Syscfg, //
    },
};
use crate::sys::{
    cpu::OnCpu,
    cpuid::cpuid,
    fault::Fault,
    msr::{
        self,
        Msr, //
    },
    native, //
};
use core::arch::x86_64::CpuidResult;

/// Reads SYSCFG of this core.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where the processor does not have it.
pub(crate) fn syscfg(on: &OnCpu) -> Result<Syscfg, Fault> {
    msr::read(on, Msr::Syscfg).map(Syscfg)
}

/// Reads HWCR of this core.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where the processor does not have it.
pub(crate) fn hwcr(on: &OnCpu) -> Result<Hwcr, Fault> {
    msr::read(on, Msr::Hwcr).map(Hwcr)
}

/// Executes CPUID.
fn leaf(number: u32) -> Leaf {
    let CpuidResult { eax, ebx, ecx, edx } = cpuid(number);
    Leaf { eax, ebx, ecx, edx }
}

/// Reads the values that decide what the module does on this host.
///
/// An MSR that the processor should have, and on which the read faults, counts as 0.
pub(crate) fn find(on: &OnCpu) -> Found {
    let features = Features::decode(leaf);
    if !features.snp {
        return Found {
            features,
            ..Found::default()
        };
    }
    let read = |msr| msr::read(on, msr).unwrap_or(0);
    Found {
        features,
        syscfg: Syscfg(read(Msr::Syscfg)),
        rmp: RmpRegisters {
            base: read(Msr::RmpBase),
            end: read(Msr::RmpEnd),
            cfg: if features.segmented.is_some() {
                read(Msr::RmpCfg)
            } else {
                0
            },
        },
        rmpopt_base: RmpoptBase(if features.rmpopt {
            read(Msr::RmpoptBase)
        } else {
            0
        }),
        native: native::kernel_has_rmpopt(),
    }
}
