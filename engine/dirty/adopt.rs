// SPDX-License-Identifier: GPL-2.0

//! Takes up the regions that cores have optimised without an attempt by the module.

use super::{
    result::AttemptResult,
    sight,
    tracker::{
        Look,
        Pages,
        RegionWord,
        Sight, //
    },
    word,
    Census,
    DirtyRegions, //
};
use crate::{
    engine::pass::survey::Survey,
    sys::probe::{
        self,
        now_ms, //
    }, //
};
use kernel::sync::atomic::Relaxed;

impl DirtyRegions {
    /// Stores the word of each region's counters. To be called before the cores are asked what they have.
    pub(crate) fn begin_adoption(&self, survey: &Survey) {
        for (_, counters) in self.all(survey) {
            counters.before.store(word(counters).0, Relaxed);
        }
    }

    /// Records the cores' answers. A region that any core has optimised is free. For every other region the RMP's
    /// entries are read: the region is held where they show an assigned page, and open otherwise. May sleep.
    ///
    /// Returns the number of optimised regions that were not known to be optimised.
    pub(crate) fn end_adoption(&self, survey: &Survey, census: &impl Census) -> u32 {
        let mut new = 0u32;
        let now = now_ms();
        for (place, counters) in self.all(survey) {
            let Some(ram) = survey.topology.ram.get(place) else {
                continue;
            };
            let free = survey.sets.free().test(place);
            if !free && census.held(ram.region) != Some(true) {
                // The pages that held the region may have been given back unseen.
                survey.sets.reopen(place);
                continue;
            }
            let before = RegionWord(counters.before.load(Relaxed));
            counters.seen.store(before.conversions(), Relaxed);
            counters.attempt.store(now, Relaxed);
            if free {
                new = new.saturating_add(u32::from(counters.optimised.load(Relaxed) == 0));
                AttemptResult::Optimised.store(counters);
                // No time is given: the region was not attempted because of a conversion.
                self.record_won(survey, place, counters, None);
            } else {
                survey.sets.set_held(place);
                AttemptResult::Held.store(counters);
                self.record_held(counters);
            }
        }
        new
    }

    /// Counts `won` regions that the kernel itself has optimised since the cores were last asked.
    pub(crate) fn count_native_pass(&self, won: u32) {
        if won != 0 {
            let mut stats = self.stats.lock();
            stats.native_passes = stats.native_passes.saturating_add(1);
            stats.native_won = stats.native_won.saturating_add(won.into());
        }
    }

    /// Whether there is a region in some core's window that may be free and is not known to be optimised.
    pub(crate) fn pending(&self, survey: &Survey) -> bool {
        // A conversion from here on kicks the thread again.
        probe::reset_kick();
        let now = now_ms();
        self.all(survey).any(|(place, counters)| {
            let queued = sight(&mut Look::default(), counters, now) == Sight::Queued;
            let assigned = matches!(word(counters).pages(), Pages::Known(1..));
            let open = survey.sets.open().test(place) && !assigned;
            (queued || open) && survey.topology.covered(place)
        })
    }
}
