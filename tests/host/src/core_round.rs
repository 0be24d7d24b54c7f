// SPDX-License-Identifier: GPL-2.0

//! The rounds of a pass against a fake core, through every race.

use crate::{
    engine::{
        bitmap::Bits,
        pass::{
            core_round::{
                follow,
                lead,
                CoreAnswer,
                CoreOps,
                Stop, //
            },
            sets::Sets, //
        },
        stats::CoreTally, //
    },
    words::zeroed, //
};
use std::{
    cell::{
        Cell,
        RefCell, //
    },
    collections::BTreeSet,
    sync::atomic::AtomicU64, //
};

const REGIONS: usize = 20;

/// A core whose answers the test chooses.
#[derive(Default)]
struct Fake {
    /// Regions with an assigned page.
    assigned: RefCell<BTreeSet<usize>>,
    table: RefCell<BTreeSet<usize>>,
    attempts: RefCell<Vec<usize>>,
    /// Regions that another core is at when this one comes by for the first time.
    busy: RefCell<BTreeSet<usize>>,
    window: Option<std::ops::Range<usize>>,
    /// Stops with this at the attempt of that number.
    stop: Cell<Option<(usize, Stop)>>,
    /// Stops with this at the rescheduling point of that number.
    interrupt: Cell<Option<(usize, Stop)>>,
    /// Stops with this when it waits.
    wake: Cell<Option<Stop>>,
    breaths: Cell<usize>,
    waits: Cell<usize>,
}

impl CoreOps for Fake {
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop> {
        if let Some((at, stop)) = self.stop.get() {
            if self.attempts.borrow().len() == at {
                return Err(stop);
            }
        }
        if self.busy.borrow_mut().remove(&place) {
            return Ok(CoreAnswer::Busy);
        }
        self.attempts.borrow_mut().push(place);
        if self.assigned.borrow().contains(&place) {
            self.table.borrow_mut().remove(&place);
            return Ok(CoreAnswer::Held);
        }
        self.table.borrow_mut().insert(place);
        Ok(CoreAnswer::Optimised)
    }

    fn yield_point(&self) -> Result<(), Stop> {
        let breath = self.breaths.replace(self.breaths.get() + 1);
        match self.interrupt.get() {
            Some((at, stop)) if breath == at => Err(stop),
            _ => Ok(()),
        }
    }

    fn back_off(&self, _times: u32) -> Result<(), Stop> {
        self.waits.set(self.waits.get() + 1);
        self.wake.get().map_or(Ok(()), Err)
    }

    fn lacks(&self, place: usize) -> bool {
        let covers = self.window.as_ref().is_none_or(|w| w.contains(&place));
        covers && !self.table.borrow().contains(&place)
    }
}

struct Room([Vec<AtomicU64>; 4]);

impl Room {
    fn new() -> Self {
        let room = Self([0; 4].map(|_| zeroed(REGIONS)));
        room.sets().open.fill(REGIONS);
        room
    }

    fn sets(&self) -> Sets<'_, AtomicU64> {
        let [open, free, held, raced] = &self.0;
        Sets {
            open: Bits(open),
            free: Bits(free),
            held: Bits(held),
            raced: Bits(raced),
        }
    }
}

fn places(bits: Bits<'_, AtomicU64>) -> Vec<usize> {
    bits.iter_from(0).collect()
}

/// All that the sets say.
fn said(room: &Room) -> [Vec<usize>; 4] {
    let sets = room.sets();
    [sets.open, sets.free, sets.held, sets.raced].map(places)
}

#[test]
fn leaders_sort_regions_into_free_and_held() {
    let room = Room::new();
    let core = Fake::default();
    core.assigned.borrow_mut().extend([3, 7]);
    let mut tally = CoreTally::default();
    assert_eq!(lead(&room.sets(), &core, |_| true, &mut tally), Ok(()));
    assert_eq!(places(room.sets().held), [3, 7]);
    assert_eq!(room.sets().free.count(), REGIONS - 2);
    assert!(room.sets().open.empty());
    assert_eq!((tally.attempted, tally.won), (20, 18));
}

#[test]
fn a_leader_touches_its_own_regions_only() {
    let room = Room::new();
    let core = Fake::default();
    let mut tally = CoreTally::default();
    assert_eq!(
        lead(&room.sets(), &core, |p| p % 2 == 0, &mut tally),
        Ok(())
    );
    assert_eq!(room.sets().open.count(), REGIONS / 2);
    assert!(core.attempts.borrow().iter().all(|p| p % 2 == 0));
}

#[test]
fn what_a_stopped_leader_did_not_reach_stays_open() {
    for stop in [Stop::Moved, Stop::Faulted, Stop::Cleared, Stop::Asked] {
        let room = Room::new();
        let core = Fake::default();
        core.stop.set(Some((5, stop)));
        let mut tally = CoreTally::default();
        assert_eq!(lead(&room.sets(), &core, |_| true, &mut tally), Err(stop));
        assert_eq!(room.sets().open.count(), REGIONS - 5);
        assert_eq!(room.sets().free.count(), 5);
        assert_eq!(tally.attempted, 5);
        let second = Fake::default();
        assert_eq!(lead(&room.sets(), &second, |_| true, &mut tally), Ok(()));
        assert!(room.sets().open.empty());
        assert_eq!(second.attempts.borrow().len(), REGIONS - 5);
    }
}

#[test]
fn followers_run_only_what_is_free_and_begin_at_their_place() {
    let room = Room::new();
    let leader = Fake::default();
    leader.assigned.borrow_mut().extend([0, 9]);
    let mut tally = CoreTally::default();
    lead(&room.sets(), &leader, |_| true, &mut tally).unwrap();
    let core = Fake::default();
    follow(&room.sets(), &core, 8, &mut tally).unwrap();
    let attempts = core.attempts.borrow();
    assert_eq!(attempts[..3], [8, 10, 11]);
    assert_eq!(attempts.len(), REGIONS - 2);
    assert_eq!(attempts.last(), Some(&7));
}

#[test]
fn a_follower_comes_back_to_a_region_that_another_core_is_at() {
    let room = Room::new();
    room.sets().free.fill(REGIONS);
    let core = Fake::default();
    core.busy.borrow_mut().extend([2, 3]);
    let mut tally = CoreTally::default();
    follow(&room.sets(), &core, 0, &mut tally).unwrap();
    let attempts = core.attempts.borrow();
    assert_eq!(attempts[..4], [0, 1, 4, 5]);
    assert_eq!(attempts[REGIONS - 2..], [2, 3]);
    assert_eq!((tally.attempted, tally.won), (20, 20));
    assert_eq!(core.waits.get(), 1);
}

/// Sets each of which has something.
fn written() -> Room {
    let room = Room::new();
    let sets = room.sets();
    for place in 2..REGIONS {
        sets.open.clear(place);
        sets.free.set(place);
    }
    sets.free.clear(7);
    sets.held.set(7);
    sets.raced.set(9);
    room
}

#[test]
fn a_follower_stops_at_an_attempt_and_leaves_the_sets_as_they_are() {
    for stop in [Stop::Moved, Stop::Faulted, Stop::Cleared, Stop::Asked] {
        let room = written();
        let before = said(&room);
        let core = Fake::default();
        core.stop.set(Some((5, stop)));
        let mut tally = CoreTally::default();
        let result = follow(&room.sets(), &core, 0, &mut tally);
        assert_eq!(result, Err(stop));
        assert_eq!(said(&room), before);
        assert_eq!(*core.attempts.borrow(), [2, 3, 4, 5, 6]);
        assert_eq!((tally.attempted, tally.won), (5, 5));
    }
}

#[test]
fn a_follower_stops_while_it_waits_and_leaves_the_sets_as_they_are() {
    for stop in [Stop::Moved, Stop::Faulted, Stop::Cleared, Stop::Asked] {
        let room = written();
        let before = said(&room);
        let core = Fake::default();
        core.busy.borrow_mut().insert(3);
        core.wake.set(Some(stop));
        let mut tally = CoreTally::default();
        let result = follow(&room.sets(), &core, 0, &mut tally);
        assert_eq!(result, Err(stop));
        assert_eq!(said(&room), before);
        assert!(!core.attempts.borrow().contains(&3));
        assert_eq!(core.waits.get(), 1);
    }
}

#[test]
fn what_a_leader_finds_busy_stays_open() {
    let room = Room::new();
    let core = Fake::default();
    core.busy.borrow_mut().insert(6);
    let mut tally = CoreTally::default();
    lead(&room.sets(), &core, |_| true, &mut tally).unwrap();
    assert_eq!(places(room.sets().open), [6]);
}

#[test]
fn with_nothing_free_followers_do_nothing() {
    let room = Room::new();
    let core = Fake::default();
    let mut tally = CoreTally::default();
    follow(&room.sets(), &core, 0, &mut tally).unwrap();
    assert_eq!(tally, CoreTally::default());
    assert_eq!(core.breaths.get(), 0);
}

#[test]
fn what_a_core_has_costs_nothing() {
    let room = Room::new();
    let core = Fake::default();
    let mut tally = CoreTally::default();
    lead(&room.sets(), &core, |_| true, &mut tally).unwrap();
    tally = CoreTally::default();
    follow(&room.sets(), &core, 0, &mut tally).unwrap();
    assert_eq!(tally.attempted, 0);
}

#[test]
fn a_region_that_races_is_left_to_the_next_pass() {
    let room = Room::new();
    let leader = Fake::default();
    let mut tally = CoreTally::default();
    lead(&room.sets(), &leader, |_| true, &mut tally).unwrap();
    let first = Fake::default();
    first.assigned.borrow_mut().insert(4);
    follow(&room.sets(), &first, 0, &mut tally).unwrap();
    assert_eq!(places(room.sets().raced), [4]);
    let second = Fake::default();
    follow(&room.sets(), &second, 0, &mut tally).unwrap();
    assert!(!second.attempts.borrow().contains(&4));
}

#[test]
fn a_follower_keeps_to_its_window() {
    let room = Room::new();
    room.sets().free.fill(REGIONS);
    let core = Fake {
        window: Some(5..9),
        ..Fake::default()
    };
    let mut tally = CoreTally::default();
    follow(&room.sets(), &core, 7, &mut tally).unwrap();
    assert_eq!(*core.attempts.borrow(), [7, 8, 5, 6]);
}

#[test]
fn both_rounds_end_at_a_rescheduling_point_when_asked() {
    let room = Room::new();
    let core = Fake::default();
    core.interrupt.set(Some((3, Stop::Asked)));
    let mut tally = CoreTally::default();
    let result = lead(&room.sets(), &core, |_| true, &mut tally);
    assert_eq!(result, Err(Stop::Asked));
    assert_eq!(core.attempts.borrow().len(), 3);
    room.sets().free.fill(REGIONS);
    core.interrupt.set(Some((5, Stop::Asked)));
    let result = follow(&room.sets(), &core, 0, &mut tally);
    assert_eq!(result, Err(Stop::Asked));
    assert_eq!(core.attempts.borrow().len(), 4);
}
