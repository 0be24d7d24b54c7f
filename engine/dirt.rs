// SPDX-License-Identifier: GPL-2.0

//! What the conversions of pages mean for regions: which are lost, which may be won back, and when.
//!
//! The probes count in lines (`sys/probe.rs`), the thread reads them here. The processor's answer is
//! the truth; where a count disagrees it is put right. See `Documentation/dirt.rst`.

use super::{
    bitmap::Bits,
    control::Attempt,
    machine::Machine,
    settings::Settings,
    stats::{
        Outcome,
        Reason,
        Stats, //
    },
    tracker::{
        contradicts,
        learn,
        Answer,
        Look,
        Pages,
        Sight,
        State, //
    },
    trigger::{
        decide,
        Verdict, //
    },
};
use crate::{
    sev::addr::Region,
    sys::{
        probe::{
            self,
            now_ms,
            Kind,
            Line,
            Lines, //
        },
        trace, //
    },
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Mutex, //
    },
};

/// How often all regions are reported where there are no probes, in milliseconds.
pub(crate) const POLL_MS: u64 = 10_000;

/// What came of the last attempt on a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// There was none.
    Never,
    /// It is under way, or no core could carry it out.
    Open,
    /// All cores that take part have it optimised.
    Optimised,
    /// It held an assigned page.
    Held,
    /// It was lost while cores were at it.
    Lost,
}

impl Fate {
    const ALL: [Self; 5] = [
        Self::Never,
        Self::Open,
        Self::Optimised,
        Self::Held,
        Self::Lost,
    ];

    fn code(self) -> u32 {
        (0u32..)
            .zip(Self::ALL)
            .find_map(|(code, fate)| (fate == self).then_some(code))
            .unwrap_or(0)
    }

    fn of(line: &Line) -> Self {
        let code = line.result.load(Relaxed) as usize;
        Self::ALL.get(code).copied().unwrap_or(Self::Never)
    }

    /// The name in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Open => "open",
            Self::Optimised => "optimised",
            Self::Held => "held",
            Self::Lost => "lost",
        }
    }
}

/// What is to be done without anybody asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Attempt the regions of the queue.
    Queue,
    /// Check everything, for this reason.
    Check(Reason),
}

/// When that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// At once.
    Now(Task),
    /// Look again in so many milliseconds.
    In(u64),
    /// When the bell rings or somebody asks.
    Later,
}

/// Counts assigned pages of a region, where that can be done.
pub(crate) trait Census {
    /// Assigned 4 KiB pages. `None` where they cannot be counted. May sleep.
    fn count(&self, region: Region) -> Option<u32>;
}

/// A region as the probes and the last attempt left it.
pub(crate) struct RegionState {
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
    lines: Lines,
    /// 0: conversions are not seen. Otherwise as [`Dirt::set_probed`] says.
    probed: Atomic<u32>,
    checked: Atomic<u64>,
    #[pin]
    stats: Mutex<Stats>,
}

impl Dirt {
    /// Nothing is known yet.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            lines: Lines::new()?,
            probed: Atomic::new(0),
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
            match self.lines.cover(ram.region.gib(), State::UNKNOWN.0) {
                // Too far up to be watched: the full check does it.
                Err(e) if e == EFBIG => break,
                result => result?,
            }
        }
        Ok(())
    }

    /// The probes are in place.
    pub(crate) fn set_probed(&self, kind: Kind) {
        let code = match kind {
            Kind::Direct => 1,
            Kind::Fprobe => 2,
        };
        self.probed.store(code, Relaxed);
    }

    /// How conversions are seen. `None` while they are not.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.probed.load(Relaxed) {
            0 => None,
            1 => Some(Kind::Direct),
            _ => Some(Kind::Fprobe),
        }
    }

    /// Whether conversions are seen.
    pub(crate) fn probed(&self) -> bool {
        self.kind().is_some()
    }

    /// The sums over all passes.
    pub(crate) fn stats(&self) -> Stats {
        *self.stats.lock()
    }

    fn line(&self, machine: &Machine, place: usize) -> Option<&Line> {
        self.lines.line(machine.ram.get(place)?.region.gib())
    }

    fn all<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = (usize, &'a Line)> {
        let places = machine.ram.iter().enumerate();
        places.filter_map(|(place, ram)| Some((place, self.lines.line(ram.region.gib())?)))
    }

    /// A region for those who show it.
    pub(crate) fn region(&self, region: Region) -> Option<RegionState> {
        let line = self.lines.line(region.gib())?;
        let state = state(line);
        let now = now_ms();
        let ago = |then: u64| (then != 0).then(|| now.saturating_sub(then));
        Some(RegionState {
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

    /// What is to be done now, or when to look again. Only the thread calls this.
    pub(crate) fn due(&self, machine: &Machine, settings: &Settings) -> Due {
        if !settings.auto() {
            return Due::Later;
        }
        let now = now_ms();
        let check = self.next_check(settings, now);
        if check == Some(0) {
            let reason = if self.probed() {
                Reason::Check
            } else {
                Reason::Poll
            };
            return Due::Now(Task::Check(reason));
        }
        let mut verdict = decide(&self.look(machine, now), now, settings.timing());
        if verdict == Verdict::Rest && probe::rung() {
            // What comes from here on rings again.
            probe::reset_bell();
            verdict = decide(&self.look(machine, now), now, settings.timing());
        }
        match (verdict, check) {
            (Verdict::Go, _) => Due::Now(Task::Queue),
            (Verdict::Wait(left), None) => Due::In(left),
            (Verdict::Wait(left), Some(check)) => Due::In(left.min(check)),
            (Verdict::Rest, Some(check)) => Due::In(check),
            (Verdict::Rest, None) => Due::Later,
        }
    }

    /// Milliseconds until the next check.
    fn next_check(&self, settings: &Settings, now: u64) -> Option<u64> {
        let interval = if self.probed() {
            Some(u64::from(settings.full_check_s()).saturating_mul(1000)).filter(|i| *i != 0)
        } else {
            Some(POLL_MS)
        };
        let next = self.checked.load(Relaxed).saturating_add(interval?);
        Some(next.saturating_sub(now))
    }

    fn look(&self, machine: &Machine, now: u64) -> Look {
        let mut look = Look::default();
        for (_, line) in self.all(machine) {
            sight(&mut look, line, now);
        }
        look
    }

    /// Marks the regions of the queue as changed, so that the next pass attempts them. Tells whether
    /// there is any.
    pub(crate) fn take_queue(&self, machine: &Machine, census: &impl Census) -> bool {
        let now = now_ms();
        let mut any = false;
        for (place, line) in self.all(machine) {
            if sight(&mut Look::default(), line, now) != Sight::Queued {
                continue;
            }
            if state(line).pages() == Pages::Unknown && !self.count(machine, place, line, census) {
                continue;
            }
            machine.changed().set(place);
            any = true;
        }
        any
    }

    /// Counts a region of which only the conversions are known; tells whether it may be free.
    fn count(&self, machine: &Machine, place: usize, line: &Line, census: &impl Census) -> bool {
        let before = state(line);
        let Some(ram) = machine.ram.get(place) else {
            return false;
        };
        let Some(pages) = census.count(ram.region) else {
            return true;
        };
        let mut stats = self.stats.lock();
        stats.censuses = stats.censuses.saturating_add(1);
        drop(stats);
        if pages != 0 {
            line.seen.store(before.conversions(), Relaxed);
            apply(line, before, learn(before, Answer::Held(Some(pages))));
        }
        pages == 0
    }

    /// Marks everything that is not known to be free, or was found lost, as changed.
    pub(crate) fn take_unproven(&self, machine: &Machine, lost: Bits<'_, Atomic<u64>>) {
        self.checked.store(now_ms(), Relaxed);
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
                machine.changed().set(place);
            } else if !machine.board().free.test(place) {
                machine.changed().set(place);
            }
        }
        let mut stats = self.stats.lock();
        stats.unseen = stats.unseen.saturating_add(unseen);
        stats.checks = stats.checks.saturating_add(1);
    }

    /// Takes regions that are known to hold assigned pages out of what is attempted.
    pub(crate) fn spare_held(&self, machine: &Machine) {
        let board = machine.board();
        for (place, line) in self.all(machine) {
            let Pages::Known(1..) = state(line).pages() else {
                continue;
            };
            machine.changed().clear(place);
            if board.free.clear(place) {
                board.held.set(place);
                line.optimised.store(0, Relaxed);
                machine.forget(place);
            }
        }
    }

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
            if let Some(line) = self.lines.line(ram.region.gib()) {
                let state = state(line);
                line.before.store(state.0, Relaxed);
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
    pub(crate) fn end(
        &self,
        machine: &Machine,
        reason: Reason,
        mut outcome: Outcome,
        census: &impl Census,
    ) {
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
            match fate {
                Fate::Optimised => self.won(machine, place, line, now),
                Fate::Held => self.held(machine, place, line, census),
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

    fn won(&self, machine: &Machine, place: usize, line: &Line, now: u64) {
        let before = State(line.before.load(Relaxed));
        self.put_right(line, before, Answer::Free);
        if state(line).conversions() != before.conversions() {
            return;
        }
        let last = line.last.load(Relaxed);
        if line.optimised.xchg(1, Relaxed) == 0 && last != 0 {
            let delay = now.saturating_sub(last);
            self.stats.lock().delays.add(delay);
            if let Some(ram) = machine.ram.get(place) {
                trace::region_optimised(ram.region.gib(), delay);
            }
        }
    }

    fn held(&self, machine: &Machine, place: usize, line: &Line, census: &impl Census) {
        line.optimised.store(0, Relaxed);
        let before = State(line.before.load(Relaxed));
        if !self.probed() || !before.pages().maybe_none() {
            return;
        }
        let pages = machine.ram.get(place).and_then(|r| census.count(r.region));
        if pages.is_some() {
            let mut stats = self.stats.lock();
            stats.censuses = stats.censuses.saturating_add(1);
        }
        self.put_right(line, before, Answer::Held(pages));
    }

    /// Puts the count right, unless a conversion has come in between: then the next attempt does.
    fn put_right(&self, line: &Line, before: State, answer: Answer) {
        if !self.probed() {
            return;
        }
        if apply(line, before, learn(before, answer)) && contradicts(before) {
            let mut stats = self.stats.lock();
            stats.corrections = stats.corrections.saturating_add(1);
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

fn state(line: &Line) -> State {
    State(line.state.load(kernel::sync::atomic::Acquire))
}

fn changed(line: &Line, state: State) -> bool {
    state.conversions() != line.seen.load(Relaxed)
}

fn sight(look: &mut Look, line: &Line, now: u64) -> Sight {
    let state = state(line);
    look.add(state, line.seen.load(Relaxed), line.last.load(Relaxed), now)
}

/// Replaces the state unless it has changed.
fn apply(line: &Line, before: State, after: Option<State>) -> bool {
    after.is_some_and(|after| line.state.cmpxchg(before.0, after.0, Full).is_ok())
}
