// SPDX-License-Identifier: GPL-2.0

//! Decides when regions that may have become free are attempted: after a time without conversions, or, while
//! conversions continue, after one queued region has not been converted for the longest delay. So many guests
//! that end together cause one pass.

use super::tracker::Look;

/// How long to wait before a pass, in milliseconds. The shorter wait counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// The wait from the last conversion of any region on.
    pub(crate) delay: u32,
    /// The wait from the earliest of the queued regions' last conversions on, even if other conversions continue.
    pub(crate) max_delay: u32,
}

impl Timing {
    /// The longest delay that can be set: ten minutes.
    pub(crate) const LONGEST: u32 = 600_000;

    /// The default delays.
    pub(crate) const DEFAULT: Self = Self {
        delay: 500,
        max_delay: 5000,
    };
}

/// What to do after a look at all regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// No region is queued.
    Rest,
    /// Look again after this number of milliseconds, at least 1.
    Wait(u64),
    /// A pass is due.
    Go,
}

/// Decides what to do after a look at all regions, taken at `now` in milliseconds.
pub(crate) fn decide(look: &Look, now: u64, timing: Timing) -> Decision {
    let Some(oldest) = look.oldest else {
        return Decision::Rest;
    };
    let newest = look.newest.unwrap_or(oldest);
    let quiet = newest.saturating_add(u64::from(timing.delay));
    let patience = oldest.saturating_add(u64::from(timing.max_delay));
    match quiet.min(patience).checked_sub(now) {
        None | Some(0) => Decision::Go,
        Some(left) => Decision::Wait(left),
    }
}
