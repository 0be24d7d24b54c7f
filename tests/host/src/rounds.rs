// SPDX-License-Identifier: GPL-2.0

//! Whole passes over a fake host, with what can happen in the middle of them.

use crate::{
    engine::{
        bitmap::Bits,
        host::{
            region::RamRegion,
            window::Window, //
        },
        pass::{
            core_round::{
                follow,
                lead,
                CoreAnswer,
                CoreOps,
                Stop, //
            },
            plan::{
                leaders,
                start,
                PlanCore, //
            },
            rounds::{
                run,
                PassOps, //
            },
            sets::Sets, //
        },
        stats::CoreTally, //
    },
    sev::addr::Region,
    words::zeroed, //
};
use proptest::prelude::*;
use std::{
    cell::{
        Cell,
        RefCell, //
    },
    collections::BTreeSet,
    sync::atomic::AtomicU64, //
};

const REGIONS: usize = 24;
const CORES: usize = 6;
const NODES: usize = 2;

/// What happens in the middle of a pass.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A guest takes a region.
    Assign(usize),
    /// A guest gives one back.
    Release(usize),
    /// The last thread of a core goes offline.
    Gone(usize),
    /// A core faults.
    Broken(usize),
    /// SNP goes off.
    SnpOff,
    /// Somebody asks for the end.
    Abort,
}

/// A host, as the processor sees it. The attempt of a number makes an event happen just before it.
#[derive(Default)]
struct Host {
    assigned: RefCell<BTreeSet<usize>>,
    tables: RefCell<Vec<BTreeSet<usize>>>,
    gone: RefCell<BTreeSet<usize>>,
    broken: RefCell<BTreeSet<usize>>,
    off: Cell<bool>,
    aborting: Cell<bool>,
    events: RefCell<Vec<(usize, Event)>>,
    /// Core and region of each attempt.
    attempts: RefCell<Vec<(usize, usize)>>,
    /// Regions with a conversion: what the probes would tell.
    converted: RefCell<BTreeSet<usize>>,
    rounds: Cell<usize>,
    followed: Cell<bool>,
}

impl Host {
    fn new(assigned: &[usize]) -> Self {
        let host = Self::default();
        host.assigned.borrow_mut().extend(assigned);
        *host.tables.borrow_mut() = vec![BTreeSet::new(); CORES];
        host
    }

    fn happen(&self) {
        let now = self.attempts.borrow().len();
        let due: Vec<Event> = {
            let events = self.events.borrow();
            let due = events.iter().filter(|(at, _)| *at == now);
            due.map(|(_, event)| *event).collect()
        };
        for event in due {
            if let Event::Assign(place) | Event::Release(place) = event {
                self.converted.borrow_mut().insert(place);
            }
            match event {
                Event::Assign(place) => {
                    self.assigned.borrow_mut().insert(place);
                    for table in self.tables.borrow_mut().iter_mut() {
                        table.remove(&place);
                    }
                }
                Event::Release(place) => {
                    self.assigned.borrow_mut().remove(&place);
                }
                Event::Gone(core) => {
                    self.gone.borrow_mut().insert(core);
                    self.empty(core);
                }
                Event::Broken(core) => {
                    self.broken.borrow_mut().insert(core);
                    self.empty(core);
                }
                Event::SnpOff => {
                    self.off.set(true);
                    (0..CORES).for_each(|core| self.empty(core));
                }
                Event::Abort => self.aborting.set(true),
            }
        }
        self.events.borrow_mut().retain(|(at, _)| *at != now);
    }

    fn empty(&self, core: usize) {
        if let Some(table) = self.tables.borrow_mut().get_mut(core) {
            table.clear();
        }
    }

    fn able(&self, core: usize) -> bool {
        !self.gone.borrow().contains(&core) && !self.broken.borrow().contains(&core)
    }

    fn verified(&self, place: usize) -> usize {
        let attempts = self.attempts.borrow();
        attempts.iter().filter(|(_, at)| *at == place).count()
    }
}

/// A core at work.
struct Core<'a> {
    host: &'a Host,
    index: usize,
}

impl CoreOps for Core<'_> {
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop> {
        self.host.happen();
        if self.host.gone.borrow().contains(&self.index) {
            return Err(Stop::Moved);
        }
        if self.host.broken.borrow().contains(&self.index) {
            return Err(Stop::Faulted);
        }
        if self.host.off.get() {
            return Err(Stop::Cleared);
        }
        self.host.attempts.borrow_mut().push((self.index, place));
        if self.host.assigned.borrow().contains(&place) {
            return Ok(CoreAnswer::Held);
        }
        self.host.tables.borrow_mut()[self.index].insert(place);
        Ok(CoreAnswer::Optimised)
    }

    fn yield_point(&self) -> Result<(), Stop> {
        match self.host.aborting.get() {
            true => Err(Stop::Asked),
            false => Ok(()),
        }
    }

    fn back_off(&self, _times: u32) -> Result<(), Stop> {
        Ok(())
    }

    fn lacks(&self, place: usize) -> bool {
        !self.host.tables.borrow()[self.index].contains(&place)
    }
}

/// What the module knows.
struct Room([Vec<AtomicU64>; 5]);

impl Room {
    fn new() -> Self {
        Self([0; 5].map(|_| zeroed(REGIONS)))
    }

    fn sets(&self) -> Sets<'_, AtomicU64> {
        let [open, free, held, raced, _] = &self.0;
        Sets {
            open: Bits(open),
            free: Bits(free),
            held: Bits(held),
            raced: Bits(raced),
        }
    }

    fn dirty(&self) -> Bits<'_, AtomicU64> {
        Bits(&self.0[4])
    }
}

struct Cores<'a> {
    host: &'a Host,
    sets: Sets<'a, AtomicU64>,
}

impl Cores<'_> {
    fn plan(&self) -> Vec<Option<u16>> {
        let ram: Vec<_> = (0..REGIONS)
            .map(|place| RamRegion {
                region: Region::new(u32::try_from(place).unwrap()).unwrap(),
                node: u32::try_from(place * NODES / REGIONS).unwrap(),
            })
            .collect();
        let cores = || {
            (0..CORES).map(|core| PlanCore {
                node: u32::try_from(core * NODES / CORES).unwrap(),
                window: self.host.able(core).then_some(Window {
                    first: Region::new(0).unwrap(),
                    span: 64,
                }),
            })
        };
        let mut chosen = vec![None; REGIONS];
        leaders(&ram, |place| self.sets.open.test(place), cores, &mut chosen);
        chosen
    }
}

impl PassOps for Cores<'_> {
    fn lead(&mut self) -> bool {
        self.host.rounds.set(self.host.rounds.get() + 1);
        let chosen = self.plan();
        let host = self.host;
        for index in 0..CORES {
            let mine = |place: usize| chosen[place] == u16::try_from(index).ok();
            if (0..REGIONS).any(mine) {
                let core = Core { host, index };
                let _ = lead(&self.sets, &core, mine, &mut CoreTally::default());
            }
        }
        chosen.iter().any(Option::is_some)
    }

    fn follow(&mut self) {
        self.host.followed.set(true);
        let host = self.host;
        for index in (0..CORES).filter(|core| host.able(*core)) {
            let core = Core { host, index };
            let start = start(index, CORES, REGIONS);
            let _ = follow(&self.sets, &core, start, &mut CoreTally::default());
        }
    }

    fn aborting(&self) -> bool {
        self.host.aborting.get()
    }
}

/// A pass over what is open.
fn pass(host: &Host, room: &Room) {
    run(
        &room.sets(),
        room.dirty(),
        &mut Cores {
            host,
            sets: room.sets(),
        },
    );
}

/// A pass over all regions.
fn whole(host: &Host, room: &Room) {
    let sets = room.sets();
    sets.free.wipe();
    sets.held.wipe();
    sets.open.fill(REGIONS);
    pass(host, room);
}

/// A pass over what is dirty, and what is still open.
fn rest(host: &Host, room: &Room) {
    let sets = room.sets();
    for place in room.dirty().iter_from(0) {
        room.dirty().clear(place);
        sets.free.clear(place);
        sets.held.clear(place);
        sets.open.set(place);
        for table in host.tables.borrow_mut().iter_mut() {
            table.remove(&place);
        }
    }
    pass(host, room);
}

fn free(host: &Host) -> BTreeSet<usize> {
    let assigned = host.assigned.borrow();
    (0..REGIONS).filter(|p| !assigned.contains(p)).collect()
}

fn all_have_what_is_free(host: &Host) {
    for (core, table) in host.tables.borrow().iter().enumerate() {
        if host.able(core) {
            assert_eq!(*table, free(host), "core {core}");
        }
    }
}

#[test]
fn a_quiet_pass_scans_each_region_once() {
    let host = Host::new(&[2, 13]);
    let room = Room::new();
    whole(&host, &room);
    all_have_what_is_free(&host);
    assert_eq!(host.rounds.get(), 1);
    assert_eq!(host.verified(2), 1);
    assert_eq!(host.verified(3), CORES);
    assert!(room.dirty().empty());
}

#[test]
fn a_region_that_races_is_for_the_next_pass() {
    let host = Host::new(&[]);
    let room = Room::new();
    // The first attempt of a follower.
    host.events.borrow_mut().push((REGIONS, Event::Assign(7)));
    whole(&host, &room);
    assert_eq!(room.dirty().iter_from(0).collect::<Vec<_>>(), [7]);
    let before = host.verified(7);
    assert_eq!(before, 2, "the leader, and the follower that found it held");
    rest(&host, &room);
    assert!(room.sets().held.test(7));
    assert_eq!(host.verified(7), before + 1);
    all_have_what_is_free(&host);
}

#[test]
fn another_core_of_the_node_takes_a_stopped_leaders_regions() {
    for event in [Event::Gone(0), Event::Broken(0)] {
        let host = Host::new(&[]);
        let room = Room::new();
        host.events.borrow_mut().push((5, event));
        whole(&host, &room);
        assert!(room.sets().open.empty());
        assert_eq!(host.rounds.get(), 2);
        let attempts = host.attempts.borrow();
        let led_by_one = attempts
            .iter()
            .filter(|(core, place)| (*core, *place) == (1, 5));
        assert_eq!(led_by_one.count(), 1);
        drop(attempts);
        all_have_what_is_free(&host);
    }
}

#[test]
fn a_core_that_goes_before_it_follows_holds_nobody_up() {
    let host = Host::new(&[]);
    let room = Room::new();
    host.events.borrow_mut().push((REGIONS + 3, Event::Gone(4)));
    whole(&host, &room);
    all_have_what_is_free(&host);
    assert!(room.dirty().empty());
}

#[test]
fn without_snp_a_pass_ends_soon_and_leaves_the_rest_open() {
    for at in [0, 5, REGIONS + 3] {
        let host = Host::new(&[]);
        let room = Room::new();
        host.events.borrow_mut().push((at, Event::SnpOff));
        whole(&host, &room);
        assert!(host.rounds.get() <= 4, "{} rounds", host.rounds.get());
        assert_eq!(host.attempts.borrow().len(), at);
        assert_eq!(room.sets().open.count(), REGIONS.saturating_sub(at));
    }
}

#[test]
fn nobody_follows_once_the_end_was_asked_for() {
    let host = Host::new(&[]);
    let room = Room::new();
    host.events.borrow_mut().push((4, Event::Abort));
    whole(&host, &room);
    // What was under way when it was asked for is brought to its end.
    assert_eq!(host.attempts.borrow().len(), 5);
    assert_eq!(host.rounds.get(), 1);
    assert!(!host.followed.get());
}

#[test]
fn without_any_core_all_stays_open() {
    let host = Host::new(&[]);
    host.gone.borrow_mut().extend(0..CORES);
    let room = Room::new();
    whole(&host, &room);
    assert_eq!(host.rounds.get(), 1);
    assert_eq!(room.sets().open.count(), REGIONS);
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..REGIONS).prop_map(Event::Assign),
        (0..REGIONS).prop_map(Event::Release),
        (1..CORES).prop_map(Event::Gone),
        (1..CORES).prop_map(Event::Broken),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_next_passes_put_it_right(
        assigned in prop::collection::btree_set(0..REGIONS, 0..6),
        events in prop::collection::vec((0..REGIONS * CORES, event()), 0..6),
    ) {
        let host = Host::new(&assigned.into_iter().collect::<Vec<_>>());
        *host.events.borrow_mut() = events;
        let room = Room::new();
        whole(&host, &room);
        let sets = room.sets();
        for place in sets.free.iter_from(0) {
            prop_assert!(!sets.held.test(place) && !sets.open.test(place));
            let had = host.tables.borrow().iter().enumerate()
                .all(|(core, table)| !host.able(core) || table.contains(&place));
            prop_assert!(had || host.converted.borrow().contains(&place), "region {}", place);
        }
        for place in sets.raced.iter_from(0) {
            prop_assert!(room.dirty().test(place));
        }
        for place in host.converted.borrow().iter() {
            room.dirty().set(*place);
        }
        host.events.borrow_mut().clear();
        rest(&host, &room);
        all_have_what_is_free(&host);
        prop_assert!(sets.open.empty() && room.dirty().empty());
    }
}
