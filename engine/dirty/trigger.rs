// SPDX-License-Identifier: GPL-2.0

//! When regions that may have become free are attempted: once all is quiet, or once the first has
//! waited for long enough. So a storm of guests ending makes one pass.

use super::tracker::Look;

/// How long to wait, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// After the last conversion of any region.
    pub(crate) delay: u32,
    /// After the first region has joined the queue, whatever happens.
    pub(crate) max_delay: u32,
}

impl Timing {
    /// The longest delay that can be set: ten minutes.
    pub(crate) const LONGEST: u32 = 600_000;

    /// What it is unless somebody says otherwise.
    pub(crate) const DEFAULT: Self = Self {
        delay: 500,
        max_delay: 5000,
    };
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing is queued.
    Rest,
    /// Look again in so many milliseconds, at least one.
    Wait(u64),
    /// A pass is due.
    Go,
}

/// Decides what follows from a look at all regions, taken at `now` in milliseconds.
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
