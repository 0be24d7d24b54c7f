// SPDX-License-Identifier: GPL-2.0

//! What is to be done without anybody asking for it, and when.

use super::{
    sight,
    state,
    Census,
    Dirt, //
};
use crate::{
    engine::{
        machine::Machine,
        settings::Settings,
        stats::Reason,
        tracker::{
            Look,
            Pages,
            Sight, //
        },
        trigger::{
            decide,
            Verdict, //
        },
    },
    sys::probe::{
        self,
        now_ms,
        RegionCounters, //
    },
};
use kernel::sync::atomic::Relaxed;

/// How often all regions are reported where there are no probes, in milliseconds.
pub(crate) const POLL_MS: u64 = 10_000;

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
    /// When there is a kick or somebody asks.
    Later,
}

impl Dirt {
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
        if verdict == Verdict::Rest && probe::kicked() {
            // What comes from here on kicks again.
            probe::reset_kick();
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
            if state(line).pages() == Pages::Unknown
                && self.still_held(machine, place, line, census)
            {
                continue;
            }
            machine.changed().set(place);
            any = true;
        }
        any
    }

    /// Whether a region of which only the conversions are known still holds a page: then no core is disturbed
    /// for it. That takes 512 RMPREAD at the most, and none behind the first assigned page.
    fn still_held(
        &self,
        machine: &Machine,
        place: usize,
        line: &RegionCounters,
        census: &impl Census,
    ) -> bool {
        let before = state(line);
        let held = machine.ram.get(place).and_then(|r| census.held(r.region)) == Some(true);
        if held {
            line.seen.store(before.conversions(), Relaxed);
        }
        held
    }
}
