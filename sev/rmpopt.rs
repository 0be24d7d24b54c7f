// SPDX-License-Identifier: GPL-2.0

//! The RMPOPT instruction and its MSR on the core that the caller runs on.
//!
//! All functions take an [`OnCpu`], the proof that the caller stays on one CPU meanwhile. They may
//! be called in any context in which that can be had.
//!
//! Between SnpEn and the end of SNP_INIT nothing is executed and nothing written: see `sys/snp.c`.

use super::{
    addr::Region,
    msr::RmpoptBase, //
};
use crate::sys::{
    cpu::OnCpu,
    insn::{
        Fault, //
        __rmpopt,
    },
    msr::{
        self,
        Msr, //
    },
    snp, //
};

/// RCX: verify the region and report.
const VERIFY: u64 = 0;
/// RCX: report only.
const REPORT: u64 = 1;

/// Attempts to optimise a region on this core, and tells whether it is optimised now.
///
/// It may fail every time: an assigned page anywhere in the region is enough. Regions outside the
/// core's window must not be passed, their answer is not defined.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] where RMPOPT_EN is 0 on this core; [`Fault::Initialising`].
pub(crate) fn optimise(on: &OnCpu, region: Region) -> Result<bool, Fault> {
    unless_initialising(on, || __rmpopt(on, region.base().as_u64(), VERIFY))
}

/// Tells whether a region is optimised on this core, and changes nothing.
///
/// # Errors
///
/// As [`optimise`].
pub(crate) fn query(on: &OnCpu, region: Region) -> Result<bool, Fault> {
    unless_initialising(on, || __rmpopt(on, region.base().as_u64(), REPORT))
}

/// Reads this core's RMPOPT_BASE.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where the processor has no RMPOPT.
pub(crate) fn base(on: &OnCpu) -> Result<RmpoptBase, Fault> {
    msr::read(on, Msr::RmpoptBase).map(RmpoptBase)
}

/// Sets this core's RMPOPT_BASE.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where it would enable RMPOPT while SNP or the segmented RMP is off;
/// [`Fault::Initialising`].
pub(crate) fn set_base(on: &OnCpu, base: RmpoptBase) -> Result<(), Fault> {
    unless_initialising(on, || msr::write_rmpopt_base(on, base.0))
}

fn unless_initialising<R>(
    on: &OnCpu,
    access: impl FnOnce() -> Result<R, Fault>,
) -> Result<R, Fault> {
    snp::through_gate(on, access).unwrap_or(Err(Fault::Initialising))
}
