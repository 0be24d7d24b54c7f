// SPDX-License-Identifier: GPL-2.0

//! What cores have without an attempt of the module's.

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
    /// The cores are about to be asked for what they have.
    pub(crate) fn begin_adoption(&self, survey: &Survey) {
        for (_, counters) in self.all(survey) {
            counters.before.store(word(counters).0, Relaxed);
        }
    }

    /// The cores were asked: what any of them has is free. Of the rest the RMP's entries are read; a region
    /// that is held by their word has not to be attempted, and all else is open. May sleep.
    ///
    /// Returns how many regions are optimised that were not known to be.
    pub(crate) fn end_adoption(&self, survey: &Survey, census: &impl Census) -> u32 {
        let mut new = 0u32;
        let now = now_ms();
        for (place, counters) in self.all(survey) {
            let Some(ram) = survey.topology.ram.get(place) else {
                continue;
            };
            let free = survey.sets.free().test(place);
            if !free && census.held(ram.region) != Some(true) {
                // What held it may have gone unseen.
                survey.sets.reopen(place);
                continue;
            }
            let before = RegionWord(counters.before.load(Relaxed));
            counters.seen.store(before.conversions(), Relaxed);
            counters.attempt.store(now, Relaxed);
            if free {
                new = new.saturating_add(u32::from(counters.optimised.load(Relaxed) == 0));
                AttemptResult::Optimised.store(counters);
                // Nobody has attempted it because of a conversion.
                self.record_won(survey, place, counters, None);
            } else {
                survey.sets.set_held(place);
                AttemptResult::Held.store(counters);
                self.record_held(counters);
            }
        }
        new
    }

    /// Counts so many regions that the kernel itself has optimised since the cores were last asked.
    pub(crate) fn count_native_pass(&self, won: u32) {
        if won != 0 {
            let mut stats = self.stats.lock();
            stats.native_passes = stats.native_passes.saturating_add(1);
            stats.native_won = stats.native_won.saturating_add(won.into());
        }
    }

    /// Whether a region that some core's window covers may be free and is not known to be optimised.
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
