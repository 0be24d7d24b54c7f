// SPDX-License-Identifier: GPL-2.0

//! Records the results of a pass: which regions were won, and which counts of assigned pages were wrong.

use super::{
    apply,
    dirty,
    result::AttemptResult,
    tracker::{
        contradicts,
        learn,
        Finding,
        Pages,
        RegionWord, //
    },
    word,
    DirtyRegions, //
};
use crate::{
    engine::{
        pass::{
            order::Attempt,
            survey::Survey, //
        },
        stats::{
            PassOutcome,
            Reason, //
        }, //
    },
    sev::addr::Region,
    sys::{
        probe::{
            now_ms,
            RegionCounters, //
        },
        trace, //
    }, //
};
use kernel::sync::atomic::{
    Full,
    Relaxed, //
};

impl DirtyRegions {
    /// Prepares the counters of all regions that the pass `attempt` will attempt. To be called before it begins.
    pub(crate) fn begin_pass(&self, survey: &Survey, attempt: Attempt, reason: Reason) {
        let now = now_ms();
        let sets = &survey.sets;
        let mut regions = 0u32;
        for (place, ram) in survey.topology.ram.iter().enumerate() {
            let attempted = match attempt {
                Attempt::None => false,
                Attempt::Fill => sets.open().test(place),
                Attempt::Dirty => sets.open().test(place) || sets.dirty().test(place),
                Attempt::All => true,
            };
            if !attempted {
                continue;
            }
            regions = regions.saturating_add(1);
            if let Some(counters) = self.counters.of(ram.region.gib()) {
                let word = word(counters);
                let dirty = dirty(counters, word);
                counters.before.store(word.0, Relaxed);
                if reason == Reason::Start {
                    // The region was converted while SNP or RMPOPT was off. The time since then is no delay of
                    // the module's, so it is not measured.
                    counters.awaited.store(0, Relaxed);
                } else if dirty {
                    counters.awaited.store(1, Relaxed);
                }
                if dirty {
                    counters.optimised.store(0, Relaxed);
                }
                counters.seen.store(word.conversions(), Relaxed);
                counters.attempt.store(now, Relaxed);
                AttemptResult::Open.store(counters);
            }
        }
        trace::pass_begin(reason.code(), regions);
    }

    /// Records the results of a pass that has ended. `outcome` holds the numbers that only the runner knows; this
    /// method adds the rest.
    pub(crate) fn end_pass(&self, survey: &Survey, reason: Reason, mut outcome: PassOutcome) {
        let now = now_ms();
        let sets = &survey.sets;
        for (place, counters) in self.all(survey) {
            let open = AttemptResult::of(counters) == AttemptResult::Open;
            if !open || sets.open().test(place) {
                continue;
            }
            outcome.attempted = outcome.attempted.saturating_add(1);
            let (result, sum) = if sets.raced().test(place) {
                (AttemptResult::Raced, &mut outcome.raced)
            } else if sets.free().test(place) {
                (AttemptResult::Optimised, &mut outcome.won)
            } else {
                (AttemptResult::Held, &mut outcome.held)
            };
            *sum = sum.saturating_add(1);
            result.store(counters);
            let awaited = counters.awaited.xchg(0, Relaxed) != 0;
            match result {
                AttemptResult::Optimised => {
                    self.record_won(survey, place, counters, awaited.then_some(now));
                }
                AttemptResult::Held => self.record_held(counters),
                _ => counters.optimised.store(0, Relaxed),
            }
        }
        self.stats.lock().add(reason, &outcome);
        let spent = outcome.leaders_ns.saturating_add(outcome.followers_ns);
        trace::pass_end(
            reason.code(),
            outcome.attempted,
            outcome.cores,
            outcome.scans(),
            spent / 1000,
        );
    }

    /// Records that a region is optimised. `now` is given where the region was attempted because of a conversion:
    /// then the delay since that conversion is counted.
    pub(super) fn record_won(
        &self,
        survey: &Survey,
        place: usize,
        counters: &RegionCounters,
        now: Option<u64>,
    ) {
        let before = RegionWord(counters.before.load(Relaxed));
        self.correct(counters, before, Finding::Free);
        // The flag is set before the word is read: a conversion after the read finds the flag set, and reports
        // by itself that the region is displaced.
        let known = counters.optimised.xchg(1, Full);
        if word(counters).conversions() != before.conversions() {
            counters.optimised.store(0, Relaxed);
            return;
        }
        if let Some(now) = now.filter(|_| known == 0) {
            let delay = now.saturating_sub(counters.last.load(Relaxed));
            self.stats.lock().delays.add(delay);
            if let Some(ram) = survey.topology.ram.get(place) {
                trace::region_optimised(ram.region.gib(), delay);
            }
        }
    }

    /// Records that a region is held. The number of assigned pages is not counted here: with a guest of 4 KiB
    /// pages the count would take 262,144 RMPREAD.
    pub(super) fn record_held(&self, counters: &RegionCounters) {
        counters.optimised.store(0, Relaxed);
        let before = RegionWord(counters.before.load(Relaxed));
        self.correct(counters, before, Finding::Held(None));
    }

    /// Stores a count of the assigned pages of a region. `before` is the region's word before the count began.
    pub(crate) fn counted(&self, region: Region, before: RegionWord, pages: u32) {
        if !self.probed() || before.pages() != Pages::Unknown {
            return;
        }
        let Some(counters) = self.counters.of(region.gib()) else {
            return;
        };
        let after = learn(before, Finding::Held(Some(pages)));
        if apply(counters, before, after) {
            let mut stats = self.stats.lock();
            stats.censuses = stats.censuses.saturating_add(1);
        }
    }

    /// Corrects the count of assigned pages, unless a conversion has changed the word since `before`: then the
    /// next attempt corrects it.
    fn correct(&self, counters: &RegionCounters, before: RegionWord, finding: Finding) {
        if !self.probed() {
            return;
        }
        if apply(counters, before, learn(before, finding)) && contradicts(before) {
            let mut stats = self.stats.lock();
            stats.corrections = stats.corrections.saturating_add(1);
        }
    }
}
