// SPDX-License-Identifier: GPL-2.0

//! What the conversions of pages mean for regions: which are lost, which may be won back, and when.
//!
//! The probes write the counters (`sys/probe.rs`), the thread reads them here: `due` tells when something
//! is to be done, `learn` what a pass has taught. The processor's answer is the truth; where a count
//! disagrees it is put right. See `Documentation/dirt.rst`.

mod adopt;
mod due;
mod fate;
mod learn;

pub(crate) use self::{
    due::{
        Due,
        Task,
        POLL_MS, //
    },
    fate::Fate, //
};

use super::{
    bitmap::Bits,
    machine::Machine,
    stats::Stats,
    tracker::{
        Look,
        Pages,
        Sight,
        State, //
    }, //
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
    },
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
    },
};

/// Looks into a region's RMP entries, where that can be done.
pub(crate) trait Census {
    /// Whether any page is assigned. `None` where that cannot be told. May sleep.
    fn held(&self, region: Region) -> Option<bool>;
}

/// A region as the probes and the last attempt left it.
pub(crate) struct RegionState {
    /// All that was counted, for [`Dirt::counted`].
    pub(crate) state: State,
    /// Assigned pages, as counted.
    pub(crate) pages: Pages,
    /// It changed since it was last dealt with.
    pub(crate) changed: bool,
    /// It was optimised and not lost since.
    pub(crate) optimised: bool,
    /// Milliseconds since the last conversion.
    pub(crate) converted: Option<u64>,
    /// Milliseconds since the last attempt.
    pub(crate) attempted: Option<u64>,
    /// What came of that.
    pub(crate) fate: Fate,
}

/// All that is known of changes.
#[pin_data]
pub(crate) struct Dirt {
    counters: Counters,
    checked: Atomic<u64>,
    #[pin]
    stats: Mutex<Stats>,
}

impl Dirt {
    /// Nothing is known yet.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            counters: Counters::new()?,
            checked: Atomic::new(now_ms()),
            stats <- new_mutex!(Stats::default()),
        })
    }

    /// Sees to it that each region with RAM has a line. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn cover(&self, machine: &Machine) -> Result {
        for ram in machine.ram.iter() {
            match self.counters.cover(ram.region.gib(), State::UNKNOWN.0) {
                // Too far up to be watched: the full check does it.
                Err(e) if e == EFBIG => break,
                result => result?,
            }
        }
        Ok(())
    }

    /// What the probes write.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How conversions are seen at this moment. `None` while they are not.
    pub(crate) fn kind(&self) -> Option<Kind> {
        probe::kind()
    }

    /// Whether conversions are seen.
    pub(crate) fn probed(&self) -> bool {
        self.kind().is_some()
    }

    /// The sums over all passes.
    pub(crate) fn stats(&self) -> Stats {
        *self.stats.lock()
    }

    fn line(&self, machine: &Machine, place: usize) -> Option<&RegionCounters> {
        self.counters.of(machine.ram.get(place)?.region.gib())
    }

    fn all<'a>(
        &'a self,
        machine: &'a Machine,
    ) -> impl Iterator<Item = (usize, &'a RegionCounters)> {
        let places = machine.ram.iter().enumerate();
        places.filter_map(|(place, ram)| Some((place, self.counters.of(ram.region.gib())?)))
    }

    /// A region for those who show it.
    pub(crate) fn region(&self, region: Region) -> Option<RegionState> {
        let line = self.counters.of(region.gib())?;
        let state = state(line);
        let now = now_ms();
        let ago = |then: u64| (then != 0).then(|| now.saturating_sub(then));
        Some(RegionState {
            state,
            pages: state.pages(),
            changed: changed(line, state),
            optimised: line.optimised.load(Relaxed) != 0,
            converted: ago(line.last.load(Relaxed)),
            attempted: ago(line.attempt.load(Relaxed)),
            fate: Fate::of(line),
        })
    }

    /// Conversions that the probes have seen.
    pub(crate) fn conversions(&self, machine: &Machine) -> u64 {
        self.all(machine)
            .map(|(_, line)| u64::from(state(line).conversions()))
            .fold(0, u64::saturating_add)
    }

    /// The conversions of a region that counts as optimised, while none is under way and none has come that was
    /// not dealt with. As long as this stays the same no page of it was assigned where that is seen.
    pub(crate) fn undisturbed(&self, region: Region) -> Option<u32> {
        let line = self.counters.of(region.gib())?;
        let state = state(line);
        let calm = !state.in_flight() && !changed(line, state);
        (calm && line.optimised.load(Relaxed) != 0).then_some(state.conversions())
    }

    /// A region is asked for in a look whether everything was lost.
    pub(crate) fn looked(&self) {
        let mut stats = self.stats.lock();
        stats.looks = stats.looks.saturating_add(1);
    }

    /// A check has ended. Marks what it found `lost` as changed; `all`: everything else that is not known to be
    /// free, too.
    ///
    /// Where conversions are not seen that would be a scan of each region with guests at each
    /// interval: there the entries are read first, up to the first that is assigned.
    pub(crate) fn take_checked(
        &self,
        machine: &Machine,
        lost: Bits<'_, Atomic<u64>>,
        all: bool,
        census: &impl Census,
    ) {
        self.checked.store(now_ms(), Relaxed);
        let held = |region| !self.probed() && census.held(region) == Some(true);
        let board = machine.board();
        let mut unseen = 0u64;
        for (place, ram) in machine.ram.iter().enumerate() {
            if lost.test(place) {
                let told = self.line(machine, place).is_some_and(|line| {
                    let state = state(line);
                    changed(line, state) || state.in_flight()
                });
                if !told {
                    unseen = unseen.saturating_add(1);
                    trace::region_lost(ram.region.gib(), 0);
                }
                if let Some(line) = self.line(machine, place) {
                    line.optimised.store(0, Relaxed);
                }
            } else if !all || board.free.test(place) {
                continue;
            }
            if held(ram.region) {
                self.keep_held(machine, place);
            } else {
                machine.changed().set(place);
            }
        }
        let mut stats = self.stats.lock();
        stats.unseen = stats.unseen.saturating_add(unseen);
        stats.checks = stats.checks.saturating_add(1);
    }

    /// Takes regions that are known to hold assigned pages out of what is attempted.
    pub(crate) fn spare_held(&self, machine: &Machine) {
        for (place, line) in self.all(machine) {
            if let Pages::Known(1..) = state(line).pages() {
                machine.changed().clear(place);
                self.keep_held(machine, place);
            }
        }
    }

    /// A region that counted as free holds assigned pages, which no attempt has to find out.
    fn keep_held(&self, machine: &Machine, place: usize) {
        let board = machine.board();
        if !board.free.clear(place) {
            return;
        }
        board.held.set(place);
        machine.forget(place);
        if let Some(line) = self.line(machine, place) {
            line.optimised.store(0, Relaxed);
        }
    }

    /// RMPOPT is off on all cores. Which regions were free has to be found out again.
    pub(crate) fn nothing_optimised(&self, machine: &Machine) {
        let board = machine.board();
        for place in board.free.iter_from(0) {
            board.open.set(place);
            board.free.clear(place);
        }
        for (_, line) in self.all(machine) {
            line.optimised.store(0, Relaxed);
        }
    }

    /// SNP was initialised anew: no count is worth anything.
    pub(crate) fn forget(&self, machine: &Machine) {
        for (_, line) in self.all(machine) {
            loop {
                let before = state(line);
                let after = before.with(Pages::Unknown);
                if after == before || apply(line, before, Some(after)) {
                    break;
                }
            }
            line.optimised.store(0, Relaxed);
        }
    }
}

fn state(line: &RegionCounters) -> State {
    State(line.state.load(Acquire))
}

fn changed(line: &RegionCounters, state: State) -> bool {
    state.conversions() != line.seen.load(Relaxed)
}

fn sight(look: &mut Look, line: &RegionCounters, now: u64) -> Sight {
    let state = state(line);
    look.add(state, line.seen.load(Relaxed), line.last.load(Relaxed), now)
}

/// Replaces the state unless it has changed.
fn apply(line: &RegionCounters, before: State, after: Option<State>) -> bool {
    after.is_some_and(|after| line.state.cmpxchg(before.0, after.0, Full).is_ok())
}
