// SPDX-License-Identifier: GPL-2.0

//! Whether SNP is on: SNP_INIT is over, and RMPOPT may be executed.
//!
//! SnpEn is set before SNP_INIT, which takes seconds, rewrites the RMP and clears tables and RMPOPT_EN. SNP
//! is on when
//!
//! 1. SYSCFG has SnpEn;
//! 2. no initialisation is under way that was seen to begin (`sys/snp.c` says why none escapes); and
//! 3. the RMP's first page belongs to the firmware. The kernel clears the RMP before it sets SnpEn,
//!    SNP_INIT gives the RMP's own pages to the firmware, and nobody can take them back while SnpEn is
//!    set. So an SNP_INIT has come since SnpEn was set, also after a kexec, after a legacy shutdown, and
//!    where no driver of the firmware is loaded.
//!
//! Without condition 3 an SNP_INIT that failed, or one that has not begun, would pass for one that is
//! over. Without condition 2 SNP would count as on in two cases: while it is initialised anew after a
//! legacy shutdown, which leaves SnpEn and the RMP as they are; and while an SNP_INIT is under way that
//! has written the RMP already.

use super::{
    assess::Found,
    probe,
    rmp, //
};
use crate::sys::{
    cpu::OnCpu,
    snp, //
};

/// How far SNP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Snp {
    /// SnpEn is 0.
    Off,
    /// SnpEn is set, but SNP_INIT is not over, or has failed.
    Initialising,
    /// SNP_INIT is over.
    On,
}

/// Looks how far SNP is, and opens or closes the gate for RMPOPT accordingly. Waits until an initialisation
/// that is under way is over, which may take seconds. May sleep; one caller at a time.
///
/// `before` is what the last look has shown, if there was one. `watched` tells whether the beginnings of
/// initialisations are seen.
pub(crate) fn look(found: &Found, before: Option<Snp>, watched: bool) -> Snp {
    let begun = snp::begun();
    let mut state = read_after_wait(found, false);
    if state == Snp::On && before != Some(Snp::On) && !watched {
        // The firmware may not be through yet: what began before this look is over after the wait.
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

/// As [`look`] without waiting: only where there is no driver that could be initialising SNP.
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
