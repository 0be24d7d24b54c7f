// SPDX-License-Identifier: GPL-2.0

//! Carries a pass out: leaders on one core or a few of each node, then followers on all cores.

use super::{
    check,
    control::Attempt,
    core::State,
    hands::{
        self,
        CoreHands, //
    },
    machine::{
        CoreEntry,
        Machine, //
    },
    pass::{
        self,
        Stop,
        Tally, //
    },
    plan::{
        self,
        PlanCore, //
    },
    progress::Step,
    rounds::{
        self,
        Crew, //
    },
    settings::Isolated,
    stats::Outcome,
    Engine,
};
use crate::sys::{
    batch::Batch,
    cpu::Cpu, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
};

/// What a pass needs, allocated before it begins: nothing is allocated in a pass.
pub(crate) struct Runner {
    machine: Arc<Machine>,
    batch: Batch,
    /// The leading core of each region.
    leaders: KVVec<Option<u32>>,
    /// Whether a core leads anything.
    leading: KVVec<bool>,
    /// Whether a core takes part in this pass.
    taking_part: KVVec<bool>,
    /// Whether a core has anything to do as a follower.
    following: KVVec<bool>,
}

impl Runner {
    /// Prepares for this survey. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(machine: Arc<Machine>) -> Result<Self> {
        let cores = machine.cores.len();
        Ok(Self {
            batch: Batch::new(cores)?,
            leaders: KVVec::from_elem(None, machine.ram.len(), GFP_KERNEL)?,
            leading: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            taking_part: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            following: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            machine,
        })
    }

    /// Attempts what `attempt` says on all cores that can. Sleeps until that is done.
    ///
    /// Returns what it cost; what came out of it is on the board.
    pub(crate) fn pass(&mut self, engine: &Engine, attempt: Attempt) -> Outcome {
        let begin = Instant::<Monotonic>::now();
        let machine = self.machine.clone();
        let board = machine.board();
        for entry in machine.cores.iter() {
            entry.core.reset_last();
        }
        self.muster(engine);
        match attempt {
            Attempt::None | Attempt::Fill => (),
            Attempt::Changed => self.open_changed(),
            Attempt::All => self.open_all(),
        }
        engine.progress.begin(Step::Verify, board.open.count());
        let mut crew = AllCores {
            runner: self,
            engine,
            begin,
            led: None,
        };
        rounds::run(&board, machine.changed(), &mut crew);
        let all = begin.elapsed();
        // Where nobody followed all of it was the leaders'.
        let led = crew.led.unwrap_or(all);
        engine.progress.begin(Step::Idle, 0);
        let mut outcome = Outcome {
            leaders_ns: led.as_nanos().unsigned_abs(),
            followers_ns: (all - led).as_nanos().unsigned_abs(),
            ..Outcome::default()
        };
        for entry in machine.cores.iter() {
            outcome.add_core(entry.core.last().attempted);
        }
        outcome
    }

    /// Forgets what is known of all regions.
    fn open_all(&self) {
        let machine = &self.machine;
        let board = machine.board();
        machine.changed().wipe();
        board.free.wipe();
        board.held.wipe();
        board.open.fill(machine.ram.len());
        for entry in machine.cores.iter() {
            entry.core.table().wipe();
        }
    }

    /// Forgets what is known of the regions that are marked as changed.
    fn open_changed(&self) {
        let machine = &self.machine;
        let board = machine.board();
        for place in machine.changed().iter_from(0) {
            machine.changed().clear(place);
            board.free.clear(place);
            board.held.clear(place);
            board.open.set(place);
            machine.forget(place);
        }
    }

    /// Asks all cores for what they are known to have. What one has lost is marked on the board.
    pub(crate) fn check(&mut self, engine: &Engine) {
        self.muster(engine);
        let machine = &self.machine;
        machine.board().lost.wipe();
        let cores = machine.cores.iter().zip(&self.taking_part);
        let cpus = cores
            .filter(|core| plan_core(*core).window.is_some())
            .filter_map(|(entry, _)| entry.cpu);
        self.batch.run(&engine.workqueue, cpus, &|_, cpu| {
            work(engine, machine, cpu, |_, hands, _| {
                check::check(machine.board().lost, hands, machine.ram.len())
            });
        });
    }

    /// Whether SNP was initialised anew: that has cleared RMPOPT_BASE on all cores, not on one. So many
    /// have noticed by themselves.
    pub(crate) fn all_lost(&mut self, engine: &Engine, noticed: u32) -> bool {
        let machine = &self.machine;
        let lost = Atomic::new(noticed);
        let switched_on = |entry: &&CoreEntry| entry.core.state() == State::On;
        let cores = machine.cores.iter().filter(switched_on);
        let cpus = cores.filter_map(|entry| entry.cpu);
        self.batch.run(&engine.workqueue, cpus, &|_, cpu| {
            if hands::find_lost(machine, cpu) {
                lost.fetch_add(1, Relaxed);
            }
        });
        let standing = machine.cores.iter().filter(|entry| entry.cpu.is_some());
        lost.load(Relaxed) >= 2 || standing.count() == 1
    }

    /// Decides which cores take part, and switches RMPOPT off on those that are left out for good.
    fn muster(&mut self, engine: &Engine) {
        let isolated = engine.settings.isolated();
        let machine = &self.machine;
        for (takes_part, entry) in self.taking_part.iter_mut().zip(machine.cores.iter()) {
            *takes_part = match isolated {
                _ if !entry.isolated => true,
                Isolated::Include => true,
                Isolated::Once => !entry.core.served(),
                Isolated::Skip => false,
            };
        }
        let skipped = |entry: &CoreEntry| {
            isolated == Isolated::Skip && entry.isolated && entry.core.state() != State::Off
        };
        if machine.cores.iter().any(skipped) {
            self.switch_off_where(engine, skipped);
        }
    }

    /// Chooses the leaders anew; tells whether there is any.
    fn replan(&mut self) -> bool {
        let machine = &self.machine;
        let taking_part = &self.taking_part;
        let cores = || machine.cores.iter().zip(taking_part).map(plan_core);
        let open = |place| machine.board().open.test(place);
        plan::leaders(&machine.ram, open, cores, &mut self.leaders);
        self.leading.iter_mut().for_each(|leads| *leads = false);
        for leader in self.leaders.iter() {
            if let Some(leads) = leader.and_then(|i| self.leading.get_mut(i as usize)) {
                *leads = true;
            }
        }
        self.leading.iter().any(|leads| *leads)
    }

    /// Has the leaders verify what is open; tells whether there is any leader.
    fn lead(&mut self, engine: &Engine) -> bool {
        if !self.replan() {
            return false;
        }
        let machine = &self.machine;
        let leaders = &self.leaders;
        let cpus = machine
            .cores
            .iter()
            .zip(self.leading.iter())
            .filter(|(_, leads)| **leads)
            .filter_map(|(entry, _)| entry.cpu);
        self.batch.run(&engine.workqueue, cpus, &|_, cpu| {
            work(engine, machine, cpu, |index, hands, tally| {
                let mine = |place| {
                    let leader = leaders.get(place).copied().flatten();
                    leader.is_some_and(|leader| leader as usize == index)
                };
                pass::lead(&machine.board(), hands, mine, tally)
            });
        });
        true
    }

    /// Has those cores attempt what is free that do not have all of it. The others are not disturbed.
    fn follow(&mut self, engine: &Engine) {
        let machine = &self.machine;
        // What has just been verified is what most of them do not have.
        let mut led = self.leaders.iter().enumerate();
        let won = led.find(|(place, leader)| leader.is_some() && machine.board().free.test(*place));
        let start = won.map_or(0, |(place, _)| place);
        for (follows, core) in self
            .following
            .iter_mut()
            .zip(machine.cores.iter().zip(&self.taking_part))
        {
            *follows = plan_core(core).window.is_some() && machine.lacks_any(&core.0.core, start);
        }
        let followers = || {
            let cores = machine.cores.iter().zip(self.following.iter());
            cores.filter(|(_, follows)| **follows)
        };
        engine.progress.begin(Step::Fill, followers().count());
        let cpus = followers().filter_map(|(entry, _)| entry.cpu);
        self.batch.run(&engine.workqueue, cpus, &|_, cpu| {
            work(engine, machine, cpu, |index, hands, tally| {
                let start = plan::start(index, machine.cores.len(), machine.ram.len());
                pass::follow(&machine.board(), hands, start, tally)?;
                hands.serve();
                Ok(())
            });
            engine.progress.advance();
        });
    }

    /// Switches RMPOPT off on every core on which we had switched it on. Sleeps until that is done.
    ///
    /// Tells whether it is off on all of them. It is not where the thread that stood for a core has
    /// gone offline: then the host has to be looked at again.
    pub(crate) fn switch_off(&mut self, engine: &Engine) -> bool {
        self.switch_off_where(engine, |entry| entry.core.state() != State::Off);
        let mut cores = self.machine.cores.iter();
        cores.all(|entry| entry.core.state() != State::On)
    }

    fn switch_off_where(&mut self, engine: &Engine, which: impl Fn(&CoreEntry) -> bool) {
        let machine = &self.machine;
        let cpus = machine
            .cores
            .iter()
            .filter(|entry| which(entry))
            .filter_map(|entry| entry.cpu);
        self.batch.run(&engine.workqueue, cpus, &|_, cpu| {
            hands::switch_off(machine, cpu);
        });
    }
}

/// All cores, in one pass.
struct AllCores<'a> {
    runner: &'a mut Runner,
    engine: &'a Engine,
    /// When the pass began.
    begin: Instant<Monotonic>,
    /// How long the leaders were at work, once the followers are.
    led: Option<Delta>,
}

impl Crew for AllCores<'_> {
    fn lead(&mut self) -> bool {
        self.runner.lead(self.engine)
    }

    fn follow(&mut self) {
        self.led = Some(self.begin.elapsed());
        self.runner.follow(self.engine);
    }

    fn aborting(&self) -> bool {
        self.engine.control.aborting()
    }
}

/// A core as the planner sees it: without a window while nothing can be done with it.
fn plan_core((entry, takes_part): (&CoreEntry, &bool)) -> PlanCore {
    let broken = matches!(entry.core.state(), State::TakenOut(_));
    let usable = *takes_part && entry.cpu.is_some() && !broken;
    PlanCore {
        node: entry.core.node(),
        window: entry.core.window().filter(|_| usable),
    }
}

/// Takes up work on `cpu`, does it and adds it to the core's account.
fn work(
    engine: &Engine,
    machine: &Machine,
    cpu: Cpu,
    round: impl FnOnce(usize, &CoreHands<'_>, &mut Tally) -> Result<(), Stop>,
) {
    let Some((index, entry)) = machine.core_of(cpu) else {
        return;
    };
    let mut tally = Tally::default();
    let result = CoreHands::take_up(engine, machine, cpu).and_then(|hands| {
        round(index, &hands, &mut tally)?;
        hands.settle();
        Ok(())
    });
    entry.core.add_last(tally);
    if result == Err(Stop::Moved) {
        // The CPU went offline: another thread has to stand for the core.
        engine.control.host_changed();
    }
}
