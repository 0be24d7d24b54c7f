// SPDX-License-Identifier: GPL-2.0

//! The result of the last attempt on a region, as the region's counters store it.

use crate::sys::{
    codec::coded,
    probe::RegionCounters, //
};
use kernel::sync::atomic::Relaxed;

coded! {
    /// The result of the last attempt on a region.
    pub(crate) enum AttemptResult {
        /// There was no attempt.
        Never = "never",
        /// The attempt is under way, or no core could carry it out.
        Open = "open",
        /// All participating cores have the region optimised.
        Optimised = "optimised",
        /// The region held an assigned page.
        Held = "held",
        /// The region was free for its leader and held for a follower.
        Raced = "raced",
    }
}

impl AttemptResult {
    /// Stores the result in a region's counters.
    pub(super) fn store(self, counters: &RegionCounters) {
        counters.result.store(self.code(), Relaxed);
    }

    /// The result that [`AttemptResult::store`] stored last.
    pub(super) fn of(counters: &RegionCounters) -> Self {
        Self::from_code(counters.result.load(Relaxed)).unwrap_or(Self::Never)
    }
}
