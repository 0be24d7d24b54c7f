// SPDX-License-Identifier: GPL-2.0

//! What the last attempt on a region brought, as its counters keep it.

use crate::sys::probe::RegionCounters;
use kernel::sync::atomic::Relaxed;

/// What the last attempt on a region brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptResult {
    /// There was none.
    Never,
    /// It is under way, or no core could carry it out.
    Open,
    /// All cores that take part have the region optimised.
    Optimised,
    /// The region held an assigned page.
    Held,
    /// The region was free for its leader and held for a follower.
    Raced,
}

impl AttemptResult {
    const ALL: [Self; 5] = [
        Self::Never,
        Self::Open,
        Self::Optimised,
        Self::Held,
        Self::Raced,
    ];

    /// Stores it in a region's counters.
    pub(super) fn store(self, counters: &RegionCounters) {
        let code = (0u32..)
            .zip(Self::ALL)
            .find_map(|(code, result)| (result == self).then_some(code));
        counters.result.store(code.unwrap_or(0), Relaxed);
    }

    /// What [`AttemptResult::store`] has stored last.
    pub(super) fn of(counters: &RegionCounters) -> Self {
        let code = counters.result.load(Relaxed) as usize;
        Self::ALL.get(code).copied().unwrap_or(Self::Never)
    }

    /// The name in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Open => "open",
            Self::Optimised => "optimised",
            Self::Held => "held",
            Self::Raced => "raced",
        }
    }
}
