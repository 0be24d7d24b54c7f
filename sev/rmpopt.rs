// SPDX-License-Identifier: GPL-2.0

//! The RMPOPT instruction and the MSR RMPOPT_BASE of the calling core.
//!
//! All functions take an [`OnCpu`], the proof that the caller stays on one CPU during the call. They may
//! be called in any context in which a caller can have an [`OnCpu`].
//!
//! Between the setting of SnpEn and the end of SNP_INIT these functions neither execute RMPOPT nor write
//! RMPOPT_BASE, and fail with [`Fault::Initialising`]: `sys/snp.c` says why.

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

/// The value of RCX that makes RMPOPT verify the region and report the result.
const VERIFY: u64 = 0;
/// The value of RCX that makes RMPOPT only report.
const REPORT: u64 = 1;

/// Attempts to optimise a region on this core, and returns whether the region is optimised now.
///
/// The attempt may fail every time: an assigned page anywhere in the region is enough. The region must lie in the
/// core's window: elsewhere the answer is undefined.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] where RMPOPT_EN is 0 on this core; [`Fault::Initialising`] while SNP is being
/// initialised.
pub(crate) fn optimise(on: &OnCpu, region: Region) -> Result<bool, Fault> {
    unless_initialising(on, || __rmpopt(on, region.base().as_u64(), VERIFY))
}

/// Returns whether a region is optimised on this core, and changes nothing.
///
/// # Errors
///
/// Those of [`optimise`].
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
/// [`Fault::GeneralProtection`] where `base` enables RMPOPT while SNP or the segmented RMP is off;
/// [`Fault::Initialising`] while SNP is being initialised.
pub(crate) fn set_base(on: &OnCpu, base: RmpoptBase) -> Result<(), Fault> {
    unless_initialising(on, || msr::write_rmpopt_base(on, base.0))
}

fn unless_initialising<R>(
    on: &OnCpu,
    access: impl FnOnce() -> Result<R, Fault>,
) -> Result<R, Fault> {
    snp::through_gate(on, access).unwrap_or(Err(Fault::Initialising))
}
