// SPDX-License-Identifier: GPL-2.0

//! The check of one core, and the sums that passes leave behind.

use crate::{
    engine::{
        bitmap::Bits,
        pass::{
            core_check::{
                check,
                Reporter, //
            },
            core_round::{
                CoreAnswer,
                CoreOps,
                Stop, //
            }, //
        },
        stats::{
            Histogram,
            PassOutcome,
            Reason,
            Stats, //
        }, //
    },
    words::zeroed, //
};
use std::cell::Cell;

struct Core {
    believed: Vec<usize>,
    optimised: Vec<usize>,
    asked: Cell<usize>,
    stop_after: usize,
}

impl CoreOps for Core {
    fn attempt(&self, _: usize) -> Result<CoreAnswer, Stop> {
        panic!("a check never attempts anything")
    }

    fn yield_point(&self) -> Result<(), Stop> {
        if self.asked.get() == self.stop_after {
            return Err(Stop::Asked);
        }
        Ok(())
    }

    fn back_off(&self, _: u32) -> Result<(), Stop> {
        panic!("a check never waits for another core")
    }

    fn lacks(&self, place: usize) -> bool {
        !self.has(place)
    }
}

impl Reporter for Core {
    fn has(&self, place: usize) -> bool {
        self.believed.contains(&place)
    }

    fn report(&self, place: usize) -> Result<bool, Stop> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.optimised.contains(&place))
    }
}

#[test]
fn a_core_is_asked_for_what_it_should_have_and_nothing_else() {
    let missing = zeroed(10);
    let core = Core {
        believed: vec![1, 4, 7],
        optimised: vec![1, 2, 7],
        asked: Cell::new(0),
        stop_after: usize::MAX,
    };
    assert_eq!(check(Bits(&missing), &core, 10), Ok(()));
    assert_eq!(core.asked.get(), 3);
    assert_eq!(Bits(&missing).iter_from(0).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_check_ends_when_asked() {
    let missing = zeroed(10);
    let core = Core {
        believed: (0..10).collect(),
        optimised: Vec::new(),
        asked: Cell::new(0),
        stop_after: 3,
    };
    assert_eq!(check(Bits(&missing), &core, 10), Err(Stop::Asked));
    assert_eq!(Bits(&missing).count(), 3);
}

#[test]
fn sums_are_kept_by_reason() {
    let mut stats = Stats::default();
    let mut outcome = PassOutcome {
        attempted: 4,
        won: 2,
        held: 1,
        raced: 1,
        ..PassOutcome::default()
    };
    outcome.add_core(0);
    outcome.add_core(5);
    assert_eq!((outcome.cores, outcome.instructions), (1, 5));
    assert_eq!(outcome.scans(), 4);
    stats.add(Reason::GivenBack, &outcome);
    stats.add(Reason::GivenBack, &outcome);
    assert_eq!(stats.passes(Reason::GivenBack), 2);
    assert_eq!(stats.passes(Reason::Start), 0);
    assert_eq!((stats.attempted, stats.won, stats.scans), (8, 4, 8));
    for (code, reason) in (0..).zip(Reason::ALL) {
        assert_eq!(reason.code(), code);
    }
}

#[test]
fn tracepoints_name_the_reasons_as_we_do() {
    let header = include_str!("../../../sys/trace.h");
    for reason in Reason::ALL {
        let line = format!("{{ {}, \"{}\" }}", reason.code(), reason.name());
        assert!(header.contains(&line), "{line}");
    }
}

#[test]
fn durations_fall_into_powers_of_two() {
    let mut histogram = Histogram::default();
    for ms in [0, 1, 2, 3, 500, 1023, u64::MAX] {
        histogram.add(ms);
    }
    let counts: Vec<_> = histogram.buckets().filter(|(_, n)| *n != 0).collect();
    assert_eq!(
        counts,
        [
            (Some(1), 1),
            (Some(2), 1),
            (Some(4), 2),
            (Some(512), 1),
            (Some(1024), 1),
            (None, 1)
        ]
    );
}
