// SPDX-License-Identifier: GPL-2.0

//! Which work the thread has to do without a request, and when.

use super::{
    sight,
    tracker::{
        Look,
        Pages,
        Sight, //
    },
    trigger::{
        decide,
        Decision,
        Timing, //
    },
    word,
    Census,
    DirtyRegions, //
};
use crate::{
    engine::{
        pass::survey::Survey,
        stats::Reason, //
    },
    sys::probe::{
        self,
        now_ms,
        RegionCounters, //
    }, //
};
use kernel::sync::atomic::Relaxed;

/// How often the thread checks all regions where no probes are active, in milliseconds.
pub(crate) const POLL_MS: u64 = 10_000;

/// The administrator's settings for work that the thread does without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Whether the thread does such work at all.
    pub(crate) auto: bool,
    /// How long regions wait for a pass after guests gave them back.
    pub(crate) timing: Timing,
    /// Seconds between two full checks; 0: none.
    pub(crate) full_check_s: u32,
}

/// Work that the thread does without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Attempt the queued regions.
    Queue,
    /// Check all cores and regions, for this reason.
    Check(Reason),
}

/// When work is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// This task is due at once.
    Now(Task),
    /// No task is due: look again after this number of milliseconds.
    In(u64),
    /// No task is due: look again after a kick or a request.
    Later,
}

impl DirtyRegions {
    /// The task that is due now, or when to look again. Only the thread calls this.
    pub(crate) fn due(&self, survey: &Survey, schedule: Schedule) -> Due {
        if !schedule.auto {
            return Due::Later;
        }
        let now = now_ms();
        let check = self.next_check(schedule.full_check_s, now);
        if check == Some(0) {
            let reason = if self.probed() {
                Reason::Check
            } else {
                Reason::Poll
            };
            return Due::Now(Task::Check(reason));
        }
        let mut decision = decide(&self.look(survey, now), now, schedule.timing);
        if decision == Decision::Rest && probe::kicked() {
            // A conversion from here on kicks the thread again.
            probe::reset_kick();
            decision = decide(&self.look(survey, now), now, schedule.timing);
        }
        match (decision, check) {
            (Decision::Go, _) => Due::Now(Task::Queue),
            (Decision::Wait(left), None) => Due::In(left),
            (Decision::Wait(left), Some(check)) => Due::In(left.min(check)),
            (Decision::Rest, Some(check)) => Due::In(check),
            (Decision::Rest, None) => Due::Later,
        }
    }

    /// Milliseconds until the next check. `None` where no check is scheduled.
    fn next_check(&self, full_check_s: u32, now: u64) -> Option<u64> {
        let interval = if self.probed() {
            Some(u64::from(full_check_s).saturating_mul(1000)).filter(|i| *i != 0)
        } else {
            Some(POLL_MS)
        };
        let next = self.checked.load(Relaxed).saturating_add(interval?);
        Some(next.saturating_sub(now))
    }

    /// How long the queued region whose last conversion is the earliest has waited, in milliseconds. 0 where no
    /// region is queued.
    pub(crate) fn waited(&self, survey: &Survey) -> u64 {
        let now = now_ms();
        let oldest = self.look(survey, now).oldest;
        oldest.map_or(0, |oldest| now.saturating_sub(oldest))
    }

    /// Looks at all regions.
    fn look(&self, survey: &Survey, now: u64) -> Look {
        let mut look = Look::default();
        for (_, counters) in self.all(survey) {
            sight(&mut look, counters, now);
        }
        look
    }

    /// Marks the queued regions as dirty, so that the next pass attempts them. Returns whether there is any.
    pub(crate) fn take_queue(&self, survey: &Survey, census: &impl Census) -> bool {
        let now = now_ms();
        let mut any = false;
        for (place, counters) in self.all(survey) {
            if sight(&mut Look::default(), counters, now) != Sight::Queued {
                continue;
            }
            if word(counters).pages() == Pages::Unknown
                && self.still_held(survey, place, counters, census)
            {
                continue;
            }
            survey.sets.dirty().set(place);
            any = true;
        }
        any
    }

    /// Whether a region whose assigned pages were not counted holds an assigned page: then no core needs to
    /// attempt it. Takes at most 512 RMPREAD and stops at the first assigned page.
    fn still_held(
        &self,
        survey: &Survey,
        place: usize,
        counters: &RegionCounters,
        census: &impl Census,
    ) -> bool {
        let before = word(counters);
        let ram = survey.topology.ram.get(place);
        let held = ram.and_then(|ram| census.held(ram.region)) == Some(true);
        if held {
            counters.seen.store(before.conversions(), Relaxed);
        }
        held
    }
}
