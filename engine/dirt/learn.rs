// SPDX-License-Identifier: GPL-2.0

//! What a pass teaches: which regions were won, and which counts were wrong.

use super::{
    apply,
    changed,
    state,
    Dirt,
    Fate, //
};
use crate::{
    engine::{
        control::Attempt,
        machine::Machine,
        stats::{
            Outcome,
            Reason, //
        },
        tracker::{
            contradicts,
            learn,
            Answer,
            Pages,
            State, //
        },
    },
    sev::addr::Region,
    sys::{
        probe::{
            now_ms,
            RegionCounters, //
        },
        trace, //
    },
};
use kernel::sync::atomic::{
    Full,
    Relaxed, //
};

impl Dirt {
    /// A pass is about to begin.
    pub(crate) fn begin(&self, machine: &Machine, attempt: Attempt, reason: Reason) {
        let now = now_ms();
        let board = machine.board();
        let mut regions = 0u32;
        for (place, ram) in machine.ram.iter().enumerate() {
            let attempted = match attempt {
                Attempt::None => false,
                Attempt::Fill => board.open.test(place),
                Attempt::Changed => board.open.test(place) || machine.changed().test(place),
                Attempt::All => true,
            };
            if !attempted {
                continue;
            }
            regions = regions.saturating_add(1);
            if let Some(line) = self.counters.of(ram.region.gib()) {
                let state = state(line);
                line.before.store(state.0, Relaxed);
                if reason == Reason::Start {
                    // Since SNP or RMPOPT was off: nobody has been waiting.
                    line.awaited.store(0, Relaxed);
                } else if changed(line, state) {
                    line.awaited.store(1, Relaxed);
                }
                if changed(line, state) {
                    line.optimised.store(0, Relaxed);
                }
                line.seen.store(state.conversions(), Relaxed);
                line.attempt.store(now, Relaxed);
                line.result.store(Fate::Open.code(), Relaxed);
            }
        }
        trace::pass_begin(reason.code(), regions);
    }

    /// A pass has ended: learns from what came out. `outcome` says what only the runner knows.
    pub(crate) fn end(&self, machine: &Machine, reason: Reason, mut outcome: Outcome) {
        let now = now_ms();
        let board = machine.board();
        for (place, line) in self.all(machine) {
            if Fate::of(line) != Fate::Open || board.open.test(place) {
                continue;
            }
            outcome.attempted = outcome.attempted.saturating_add(1);
            let (fate, sum) = if board.lost.test(place) {
                (Fate::Lost, &mut outcome.lost)
            } else if board.free.test(place) {
                (Fate::Optimised, &mut outcome.won)
            } else {
                (Fate::Held, &mut outcome.held)
            };
            *sum = sum.saturating_add(1);
            line.result.store(fate.code(), Relaxed);
            let awaited = line.awaited.xchg(0, Relaxed) != 0;
            match fate {
                Fate::Optimised => self.won(machine, place, line, awaited.then_some(now)),
                Fate::Held => self.held(line),
                _ => line.optimised.store(0, Relaxed),
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

    /// `now` is given where the region was attempted because of a conversion.
    pub(super) fn won(
        &self,
        machine: &Machine,
        place: usize,
        line: &RegionCounters,
        now: Option<u64>,
    ) {
        let before = State(line.before.load(Relaxed));
        self.put_right(line, before, Answer::Free);
        // First said, then looked: a conversion that comes later says itself that it is lost.
        let known = line.optimised.xchg(1, Full);
        if state(line).conversions() != before.conversions() {
            line.optimised.store(0, Relaxed);
            return;
        }
        if let Some(now) = now.filter(|_| known == 0) {
            let delay = now.saturating_sub(line.last.load(Relaxed));
            self.stats.lock().delays.add(delay);
            if let Some(ram) = machine.ram.get(place) {
                trace::region_optimised(ram.region.gib(), delay);
            }
        }
    }

    /// How many pages hold it is not counted here: with a guest of 4 KiB pages that takes 262,144 RMPREAD.
    pub(super) fn held(&self, line: &RegionCounters) {
        line.optimised.store(0, Relaxed);
        let before = State(line.before.load(Relaxed));
        self.put_right(line, before, Answer::Held(None));
    }

    /// Somebody has counted the assigned pages of a region, beginning when it was in the state `before`.
    pub(crate) fn counted(&self, region: Region, before: State, pages: u32) {
        if !self.probed() || before.pages() != Pages::Unknown {
            return;
        }
        let Some(line) = self.counters.of(region.gib()) else {
            return;
        };
        if apply(line, before, learn(before, Answer::Held(Some(pages)))) {
            let mut stats = self.stats.lock();
            stats.censuses = stats.censuses.saturating_add(1);
        }
    }

    /// Puts the count right, unless a conversion has come in between: then the next attempt does.
    fn put_right(&self, line: &RegionCounters, before: State, answer: Answer) {
        if !self.probed() {
            return;
        }
        if apply(line, before, learn(before, answer)) && contradicts(before) {
            let mut stats = self.stats.lock();
            stats.corrections = stats.corrections.saturating_add(1);
        }
    }
}
