// SPDX-License-Identifier: GPL-2.0

//! What the conversions of pages mean for regions: which are displaced, which may be won back, and when.
//!
//! The probes write the counters (`sys/probe.rs`); the thread reads them here. [`due`] says when work is due,
//! [`learn`] records the results of a pass, and [`adopt`] records what cores had optimised without a pass. Where
//! a count disagrees with the processor's answer, the count is corrected. See `Documentation/dirty.rst`.
//!
//! No pass is ordered here: [`super::control`] does that. This room may use [`super::pass`], [`super::host`],
//! the engine's leaves, `sev/` and `sys/`.

mod adopt;
pub(crate) mod due;
mod learn;
pub(crate) mod result;
pub(crate) mod tracker;
pub(crate) mod trigger;

use self::{
    result::AttemptResult,
    tracker::{
        Look,
        Pages,
        RegionWord,
        Sight, //
    }, //
};
use super::{
    host::topology::Topology,
    pass::survey::Survey,
    stats::Stats, //
};
use crate::{
    sev::addr::Region,
    sys::{
        probe::{
            self,
            now_ms,
            Counters,
            Kind,
            RegionCounters, //
        },
        trace, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        Mutex, //
    }, //
};

/// Reads a region's RMP entries, where the module can read them.
pub(crate) trait Census {
    /// Whether any page of the region is assigned. `None` where the entries cannot be read or somebody asked for
    /// the end of the work. May sleep.
    fn held(&self, region: Region) -> Option<bool>;
}

/// What the counters of a region say.
pub(crate) struct Known {
    /// The word of the counters, for [`DirtyRegions::counted`].
    pub(crate) word: RegionWord,
    /// The region is dirty: there were conversions since it was last dealt with.
    pub(crate) dirty: bool,
    /// The region was optimised, and was not displaced since.
    pub(crate) optimised: bool,
    /// Milliseconds since the last conversion.
    pub(crate) converted: Option<u64>,
    /// Milliseconds since the last attempt.
    pub(crate) attempted: Option<u64>,
    /// What the last attempt brought.
    pub(crate) result: AttemptResult,
}

/// The counters of all regions, and the statistics.
#[pin_data]
pub(crate) struct DirtyRegions {
    counters: Counters,
    /// When the last check ended, in milliseconds as [`now_ms`].
    checked: Atomic<u64>,
    #[pin]
    stats: Mutex<Stats>,
}

impl DirtyRegions {
    /// Creates the state, without counters for any region.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            counters: Counters::new()?,
            checked: Atomic::new(now_ms()),
            stats <- new_mutex!(Stats::default()),
        })
    }

    /// Allocates counters for each region with RAM that has none. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn cover(&self, topology: &Topology) -> Result {
        for ram in topology.ram.iter() {
            match self.counters.cover(ram.region.gib(), RegionWord::UNKNOWN.0) {
                // Probes cannot count in regions at such high addresses: full checks find their changes.
                Err(e) if e == EFBIG => break,
                result => result?,
            }
        }
        Ok(())
    }

    /// The counters that the probes write.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The kind of probes that count conversions now. `None` while no probes are active.
    pub(crate) fn kind(&self) -> Option<Kind> {
        probe::kind()
    }

    /// Whether probes count conversions.
    pub(crate) fn probed(&self) -> bool {
        self.kind().is_some()
    }

    /// The sums over all passes.
    pub(crate) fn stats(&self) -> Stats {
        *self.stats.lock()
    }

    /// The counters of the region at a place.
    fn at(&self, survey: &Survey, place: usize) -> Option<&RegionCounters> {
        let ram = survey.topology.ram.get(place)?;
        self.counters.of(ram.region.gib())
    }

    /// The counters of all regions that have any, each with the region's place.
    fn all<'a>(&'a self, survey: &'a Survey) -> impl Iterator<Item = (usize, &'a RegionCounters)> {
        let places = survey.topology.ram.iter().enumerate();
        places.filter_map(|(place, ram)| Some((place, self.counters.of(ram.region.gib())?)))
    }

    /// What the counters of a region say. `None` where the region has no counters.
    pub(crate) fn region(&self, region: Region) -> Option<Known> {
        let counters = self.counters.of(region.gib())?;
        let word = word(counters);
        let now = now_ms();
        let ago = |then: u64| (then != 0).then(|| now.saturating_sub(then));
        Some(Known {
            word,
            dirty: dirty(counters, word),
            optimised: counters.optimised.load(Relaxed) != 0,
            converted: ago(counters.last.load(Relaxed)),
            attempted: ago(counters.attempt.load(Relaxed)),
            result: AttemptResult::of(counters),
        })
    }

    /// The number of conversions that the probes have counted.
    pub(crate) fn conversions(&self, survey: &Survey) -> u64 {
        self.all(survey)
            .map(|(_, counters)| u64::from(word(counters).conversions()))
            .fold(0, u64::saturating_add)
    }

    /// The number of conversions of a region that counts as optimised, is not dirty and is not being converted;
    /// `None` for all other regions. Where probes are active, an unchanged number means that no page of the region
    /// was assigned in between.
    pub(crate) fn undisturbed(&self, region: Region) -> Option<u32> {
        let counters = self.counters.of(region.gib())?;
        let word = word(counters);
        let calm = !word.in_flight() && !dirty(counters, word);
        (calm && counters.optimised.load(Relaxed) != 0).then_some(word.conversions())
    }

    /// Counts a region that a self-check asks for.
    pub(crate) fn count_self_check(&self) {
        let mut stats = self.stats.lock();
        stats.self_checks = stats.self_checks.saturating_add(1);
    }

    /// Records the results of a check. Marks the regions that it found missing as dirty, and with `all` every
    /// region that is not known to be free.
    ///
    /// Without probes the next pass would scan each region that holds guests after each check. Therefore the
    /// region's entries are read first, up to the first assigned page, and held regions are not marked.
    pub(crate) fn take_checked(&self, survey: &Survey, all: bool, census: &impl Census) {
        self.checked.store(now_ms(), Relaxed);
        let held = |region| !self.probed() && census.held(region) == Some(true);
        let sets = &survey.sets;
        let mut missing = 0u64;
        for (place, ram) in survey.topology.ram.iter().enumerate() {
            if sets.missing().test(place) {
                let counters = self.at(survey, place);
                let seen = counters.is_some_and(|counters| {
                    let word = word(counters);
                    dirty(counters, word) || word.in_flight()
                });
                if !seen {
                    missing = missing.saturating_add(1);
                    trace::region_displaced(ram.region.gib(), 0);
                }
                if let Some(counters) = counters {
                    counters.optimised.store(0, Relaxed);
                }
            } else if !all || sets.free().test(place) {
                continue;
            }
            if held(ram.region) {
                self.keep_held(survey, place);
            } else {
                sets.dirty().set(place);
            }
        }
        let mut stats = self.stats.lock();
        stats.missing = stats.missing.saturating_add(missing);
        stats.checks = stats.checks.saturating_add(1);
    }

    /// Removes the regions that are known to hold assigned pages from the regions that the next pass attempts.
    pub(crate) fn spare_held(&self, survey: &Survey) {
        for (place, counters) in self.all(survey) {
            if let Pages::Known(1..) = word(counters).pages() {
                survey.sets.dirty().clear(place);
                self.keep_held(survey, place);
            }
        }
    }

    /// Marks a region as held that counted as free, without an attempt. Does nothing for other regions.
    fn keep_held(&self, survey: &Survey, place: usize) {
        if !survey.sets.free().test(place) {
            return;
        }
        survey.sets.set_held(place);
        survey.topology.forget(place);
        if let Some(counters) = self.at(survey, place) {
            counters.optimised.store(0, Relaxed);
        }
    }

    /// Records that RMPOPT is off on all cores: all free regions become open, so that they are verified again.
    pub(crate) fn nothing_optimised(&self, survey: &Survey) {
        for place in survey.sets.free().iter_from(0) {
            survey.sets.reopen(place);
        }
        for (_, counters) in self.all(survey) {
            counters.optimised.store(0, Relaxed);
        }
    }

    /// Makes the counts of all regions unknown, because an initialisation of SNP has made them void.
    pub(crate) fn forget(&self, survey: &Survey) {
        for (_, counters) in self.all(survey) {
            loop {
                let before = word(counters);
                let after = before.with(Pages::Unknown);
                if after == before || apply(counters, before, Some(after)) {
                    break;
                }
            }
            counters.optimised.store(0, Relaxed);
        }
    }
}

/// The word of a region's counters.
fn word(counters: &RegionCounters) -> RegionWord {
    RegionWord(counters.state.load(Acquire))
}

/// Whether there were conversions since the region was last dealt with.
fn dirty(counters: &RegionCounters, word: RegionWord) -> bool {
    word.conversions() != counters.seen.load(Relaxed)
}

/// Adds a region to a look at all regions.
fn sight(look: &mut Look, counters: &RegionCounters, now: u64) -> Sight {
    let seen = counters.seen.load(Relaxed);
    look.add(word(counters), seen, counters.last.load(Relaxed), now)
}

/// Replaces the word `before` by `after`. Returns `false` where `after` is `None` or the word is not `before` any
/// more.
fn apply(counters: &RegionCounters, before: RegionWord, after: Option<RegionWord>) -> bool {
    after.is_some_and(|after| counters.state.cmpxchg(before.0, after.0, Full).is_ok())
}
