// SPDX-License-Identifier: GPL-2.0

//! Finds out whether SNP is on, that is whether SNP_INIT is over and RMPOPT may be executed.
//!
//! SnpEn is set before SNP_INIT, which takes seconds, rewrites the RMP and clears tables and RMPOPT_EN. SNP
//! is on when
//!
//! 1. SYSCFG has SnpEn;
//! 2. no initialisation is under way whose beginning the module has seen (`sys/snp.c` says why the module sees
//!    every beginning); and
//! 3. the RMP's first page belongs to the firmware. The kernel clears the RMP before it sets SnpEn,
//!    SNP_INIT gives the RMP's own pages to the firmware, and nobody can take them back while SnpEn is
//!    set. So an SNP_INIT has run since SnpEn was set. This holds also after a kexec, after a legacy
//!    shutdown, and where no driver of the firmware is loaded.
//!
//! Without condition 3 the module would take an SNP_INIT that failed, or one that has not begun, for one
//! that is over. Without condition 2 it would take SNP to be on in two cases: while SNP is initialised
//! again after a legacy shutdown, which leaves SnpEn and the RMP as they are; and while an SNP_INIT is
//! under way that has already written the RMP.

use super::{
    assess::Found,
    probe,
    rmp, //
};
use crate::sys::{
    cpu::OnCpu,
    snp, //
};

/// The state of SNP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Snp {
    /// SnpEn is 0.
    Off,
    /// SnpEn is set, but SNP_INIT is not over, or has failed.
    Initialising,
    /// SNP_INIT is over.
    On,
}

/// Reads the state of SNP, and opens or closes the gate for RMPOPT accordingly. Waits until an initialisation
/// that is under way is over, which may take seconds. May sleep; one caller at a time.
///
/// `before` is the result of the last call, if there was one. `watched` says whether the module sees the
/// beginning of each initialisation.
pub(crate) fn look(found: &Found, before: Option<Snp>, watched: bool) -> Snp {
    let begun = snp::begun();
    let mut state = read_after_wait(found, false);
    if state == Snp::On && before != Some(Snp::On) && !watched {
        // The firmware may not have finished yet. An initialisation that began before this look is over after
        // the wait.
        state = read_after_wait(found, true);
    }
    match state {
        Snp::Initialising => snp::close(),
        Snp::Off | Snp::On => snp::open(begun),
    }
    state
}

fn read_after_wait(found: &Found, unseen: bool) -> Snp {
    if snp::wait(unseen) {
        read(found)
    } else {
        Snp::Initialising
    }
}

/// Calls [`look`], which does not wait here, where no driver is present that could be initialising SNP. Does
/// nothing where there is one.
pub(crate) fn look_at_once(found: &Found) {
    if !snp::driver_there() {
        look(found, None, true);
    }
}

fn read(found: &Found) -> Snp {
    if !OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled()) {
        Snp::Off
    } else if rmp::guards_itself(found) {
        Snp::On
    } else {
        Snp::Initialising
    }
}
