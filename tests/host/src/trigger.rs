// SPDX-License-Identifier: GPL-2.0

//! When passes begin, by a clock of the test's own.

use crate::engine::dirty::{
    tracker::{
        Look,
        Pages,
        RegionWord, //
        Sight,
    },
    trigger::{
        decide,
        Decision,
        Timing, //
    }, //
};
use proptest::prelude::*;

const TIMING: Timing = Timing::DEFAULT;

/// A host whose guests do what a test says.
#[derive(Clone)]
struct Host {
    now: u64,
    timing: Timing,
    regions: Vec<(RegionWord, u32, u64)>,
    /// When passes began, and on how many regions.
    passes: Vec<(u64, u32)>,
}

impl Host {
    fn new(regions: usize, timing: Timing) -> Self {
        let empty = RegionWord::UNKNOWN.with(Pages::Known(0));
        Self {
            now: 1000,
            timing,
            regions: vec![(empty, 0, 0); regions],
            passes: Vec::new(),
        }
    }

    fn set(&mut self, region: usize, pages: i64) {
        let (state, _, last) = &mut self.regions[region];
        *state = RegionWord(state.0 + (1 << 36)).with(Pages::Known(pages));
        *last = self.now;
    }

    fn look(&self) -> Look {
        let mut look = Look::default();
        for (state, seen, last) in &self.regions {
            look.add(*state, *seen, *last, self.now);
        }
        look
    }

    /// Lets time pass in steps of a millisecond.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += 1;
            self.tick();
        }
    }

    fn tick(&mut self) {
        let look = self.look();
        match decide(&look, self.now, self.timing) {
            Decision::Rest => assert_eq!(look.queued, 0),
            Decision::Wait(left) => assert!(left > 0 && look.queued > 0),
            Decision::Go => {
                self.passes.push((self.now, look.queued));
                for (state, seen, last) in &mut self.regions {
                    let sight = Look::default().add(*state, *seen, *last, self.now);
                    if sight == Sight::Queued {
                        *seen = state.conversions();
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_happens_while_nothing_is_given_back() {
    let mut host = Host::new(4, TIMING);
    host.set(2, 512);
    host.run(20_000);
    assert_eq!(host.passes, []);
}

#[test]
fn a_pass_begins_the_delay_after_the_last_conversion() {
    let mut host = Host::new(4, TIMING);
    host.set(0, 1);
    host.set(1, 1);
    host.set(0, 0);
    host.run(300);
    host.set(1, 0);
    host.run(10_000);
    assert_eq!(host.passes, [(1000 + 300 + 500, 2)]);
}

#[test]
fn conversions_elsewhere_postpone_it_up_to_the_longest_delay() {
    let mut host = Host::new(4, TIMING);
    host.set(0, 1);
    host.set(0, 0);
    for page in 0..80 {
        host.run(100);
        host.set(1, page + 1);
    }
    assert_eq!(host.passes, [(1000 + 5000, 1)]);
}

#[test]
fn a_region_that_is_taken_again_leaves_the_queue() {
    let mut host = Host::new(4, TIMING);
    host.set(0, 1);
    host.set(0, 0);
    host.run(400);
    host.set(0, 1);
    host.run(10_000);
    assert_eq!(host.passes, []);
}

#[test]
fn a_thousand_guests_that_end_make_one_pass() {
    let mut host = Host::new(1000, TIMING);
    for region in 0..1000 {
        host.set(region, 512);
    }
    for region in 0..1000 {
        host.set(region, 0);
        host.run(1);
    }
    host.run(10_000);
    assert_eq!(host.passes, [(1000 + 999 + 500, 1000)]);
}

#[test]
fn without_a_delay_it_begins_at_once() {
    let timing = Timing {
        delay: 0,
        max_delay: 5000,
    };
    let mut host = Host::new(1, timing);
    host.set(0, 1);
    host.set(0, 0);
    host.tick();
    assert_eq!(host.passes, [(1000, 1)]);
}

#[test]
fn the_longest_delay_wins_over_a_longer_delay() {
    let timing = Timing {
        delay: 600_000,
        max_delay: 20,
    };
    let mut host = Host::new(1, timing);
    host.set(0, 1);
    host.set(0, 0);
    host.run(1000);
    assert_eq!(host.passes, [(1020, 1)]);
}

#[test]
fn a_change_of_the_delay_counts_at_once() {
    let mut host = Host::new(1, TIMING);
    host.timing.delay = 100_000;
    host.timing.max_delay = 600_000;
    host.set(0, 1);
    host.set(0, 0);
    host.run(10_000);
    assert_eq!(host.passes, []);
    host.timing.delay = 0;
    host.tick();
    assert_eq!(host.passes.len(), 1);
}

proptest! {
    /// Whatever guests do, no region stays empty and unattempted for longer than the longest delay,
    /// no pass begins with nothing to do, and each emptying is attempted once at most.
    #[test]
    fn nothing_waits_for_ever(
        delay in 0u32..800,
        max_delay in 0u32..3000,
        steps in proptest::collection::vec((0usize..6, 0i64..3, 0u64..700), 1..60),
    ) {
        let mut host = Host::new(6, Timing { delay, max_delay });
        let mut emptied = 0;
        for (region, pages, wait) in steps {
            let before = host.regions[region].0.pages();
            host.set(region, pages);
            emptied += u32::from(pages == 0 && before != Pages::Known(0));
            // A conversion that changes nothing may cost an attempt too.
            emptied += u32::from(pages == 0 && before == Pages::Known(0));
            host.run(wait);
            for (state, seen, last) in &host.regions {
                let queued = state.pages() == Pages::Known(0) && state.conversions() != *seen;
                let waits = host.now - last;
                prop_assert!(!queued || waits <= u64::from(max_delay) || host.now == *last);
            }
        }
        host.run(4000);
        prop_assert!(host.passes.iter().all(|(_, regions)| *regions > 0));
        let attempts: u32 = host.passes.iter().map(|(_, regions)| regions).sum();
        prop_assert!(attempts <= emptied);
        prop_assert_eq!(host.look().queued, 0);
    }
}
