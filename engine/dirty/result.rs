// SPDX-License-Identifier: GPL-2.0

//! What the last attempt on a region brought, as its counters keep it.

use crate::sys::{
    codec::coded,
    probe::RegionCounters, //
};
use kernel::sync::atomic::Relaxed;

coded! {
    /// What the last attempt on a region brought.
    pub(crate) enum AttemptResult {
        /// There was none.
        Never = "never",
        /// It is under way, or no core could carry it out.
        Open = "open",
        /// All cores that take part have the region optimised.
        Optimised = "optimised",
        /// The region held an assigned page.
        Held = "held",
        /// The region was free for its leader and held for a follower.
        Raced = "raced",
    }
}

impl AttemptResult {
    /// Stores it in a region's counters.
    pub(super) fn store(self, counters: &RegionCounters) {
        counters.result.store(self.code(), Relaxed);
    }

    /// What [`AttemptResult::store`] has stored last.
    pub(super) fn of(counters: &RegionCounters) -> Self {
        Self::from_code(counters.result.load(Relaxed)).unwrap_or(Self::Never)
    }
}
