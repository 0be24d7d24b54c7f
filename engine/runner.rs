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
    core_thread::{
        Client,
        CoreThread, //
    },
    cpu::{
        self,
        Cpu,
        HotplugLock,
        OnCpu, //
    },
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
    leaders: KVVec<Option<u16>>,
    /// Whether a core leads anything.
    leading: KVVec<bool>,
    /// Whether a core takes part in this pass.
    taking_part: KVVec<bool>,
    /// Whether a core has anything to do as a follower.
    following: KVVec<bool>,
    /// Whether a core was left out since [`Runner::take_behind`], because its thread was not run.
    behind: bool,
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
            batch: Batch::new(Client::Pass, cores)?,
            leaders: KVVec::from_elem(None, machine.ram.len(), GFP_KERNEL)?,
            leading: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            taking_part: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            following: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            behind: false,
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
        let cores = cores
            .filter(|core| plan_core(*core).window.is_some())
            .filter_map(|(entry, _)| at_work(entry));
        let missing = self.batch.run(cores, patience(engine), &|cpu| {
            work(engine, machine, cpu, |_, hands, _| {
                check::check(machine.board().lost, hands, machine.ram.len())
            });
        });
        self.behind |= missing.any();
    }

    /// Whether a core was left out since this was last asked, because its thread was not run: then it
    /// may lack something.
    pub(crate) fn take_behind(&mut self) -> bool {
        core::mem::take(&mut self.behind)
    }

    /// The same, without counting as asked.
    pub(crate) fn behind(&self) -> bool {
        self.behind
    }

    /// Has cores take up what they had before anybody looked: each of `which` is asked for what it has.
    /// What any core has is free. Returns how many regions that are.
    pub(crate) fn adopt(&mut self, engine: &Engine, which: impl Fn(&CoreEntry) -> bool) -> u32 {
        self.muster(engine);
        let machine = &self.machine;
        for entry in machine.cores.iter().filter(|entry| which(entry)) {
            entry.core.set_known(false);
        }
        let cores = machine.cores.iter().zip(&self.taking_part);
        let cores = cores
            .filter(|core| which(core.0) && plan_core(*core).window.is_some())
            .filter_map(|(entry, _)| at_work(entry));
        let missing = self.batch.run(cores, patience(engine), &|cpu| {
            work(engine, machine, cpu, |_, _, _| Ok(()));
        });
        self.behind |= missing.any();
        let board = machine.board();
        let mut adopted = 0u32;
        for place in 0..machine.ram.len() {
            if machine.any_has(place) {
                board.open.clear(place);
                board.held.clear(place);
                board.free.set(place);
                adopted = adopted.saturating_add(1);
            } else if board.free.clear(place) {
                board.open.set(place);
            }
        }
        adopted
    }

    /// Whether SNP was initialised anew: that has cleared RMPOPT_BASE on all cores, not on one. So many
    /// have noticed by themselves.
    pub(crate) fn all_lost(&mut self, engine: &Engine, noticed: u32) -> bool {
        let machine = &self.machine;
        let lost = Atomic::new(noticed);
        let switched_on = |entry: &&CoreEntry| entry.core.state().works();
        let cores = machine.cores.iter().filter(switched_on);
        let cores = cores.filter_map(at_work);
        self.batch.run(cores, patience(engine), &|cpu| {
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
        let mut moved = false;
        for (takes_part, entry) in self.taking_part.iter_mut().zip(machine.cores.iter()) {
            let now = entry.isolated_now();
            // A partition of a cpuset has come or gone: another thread may have to stand for the core.
            moved |= now != entry.isolated;
            *takes_part = match isolated {
                _ if !now => true,
                Isolated::Include => true,
                Isolated::Once => !entry.core.served(),
                Isolated::Skip => false,
            };
        }
        if moved {
            engine.control.host_changed();
        }
        let skipped = |entry: &CoreEntry| {
            let state = entry.core.state();
            let kept = state == State::Kept;
            isolated == Isolated::Skip && state.to_switch_off() && !kept && entry.isolated_now()
        };
        if machine.cores.iter().any(skipped) {
            self.switch_off_where(&skipped);
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
            if let Some(leads) = leader.and_then(|i| self.leading.get_mut(usize::from(i))) {
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
        let cores = machine
            .cores
            .iter()
            .zip(self.leading.iter())
            .filter(|(_, leads)| **leads)
            .filter_map(|(entry, _)| at_work(entry));
        let missing = self.batch.run(cores, patience(engine), &|cpu| {
            work(engine, machine, cpu, |index, hands, tally| {
                let mine = |place| {
                    let leader = leaders.get(place).copied().flatten();
                    leader.is_some_and(|leader| usize::from(leader) == index)
                };
                pass::lead(&machine.board(), hands, mine, tally)
            });
        });
        self.behind |= missing.any();
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
        let cores = followers().filter_map(|(entry, _)| at_work(entry));
        let missing = self.batch.run(cores, patience(engine), &|cpu| {
            work(engine, machine, cpu, |index, hands, tally| {
                let start = plan::start(index, machine.cores.len(), machine.ram.len());
                pass::follow(&machine.board(), hands, start, tally)?;
                hands.serve();
                Ok(())
            });
            engine.progress.advance();
        });
        self.behind |= missing.any();
    }

    /// Attempts to switch RMPOPT off on every core on which we had switched it on. Sleeps until that is
    /// done.
    ///
    /// Tells whether that was attempted on all of them. It was not where an initialisation of SNP has begun
    /// meanwhile.
    pub(crate) fn switch_off(&mut self) -> bool {
        self.switch_off_where(&|entry| entry.core.state().to_switch_off());
        let mut cores = self.machine.cores.iter();
        cores.all(|entry| !matches!(entry.core.state(), State::On | State::OtherWindow))
    }

    /// CPUs are kept from coming and going meanwhile. So a core that is on has a thread that is online:
    /// its last one takes RMPOPT along.
    fn switch_off_where(&mut self, which: &dyn Fn(&CoreEntry) -> bool) {
        let machine = &self.machine;
        let hotplug = HotplugLock::lock();
        self.batch
            .run_locked(&hotplug, online(machine, which), || 1, &|cpu| {
                OnCpu::exactly(cpu, |on| hands::switch_off(machine, on));
            });
        // Where something else has the CPU and does not share it, or there is no memory for a thread: one
        // interrupt, as nothing else gets through. Not where the processor has just kept RMPOPT_EN.
        let missed = |entry: &CoreEntry| which(entry) && entry.core.state() != State::Kept;
        for (_, cpu) in online(machine, &missed) {
            cpu::interrupt(cpu, |on| hands::switch_off(machine, on));
        }
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
    if result == Err(Stop::Moved) && !entry.worker.called_away() {
        // The CPU went offline: another thread has to stand for the core.
        engine.control.host_changed();
    }
}

/// The core's kernel thread and the CPU on which it works. `None` while none is online.
fn at_work(entry: &CoreEntry) -> Option<(&Arc<CoreThread>, Cpu)> {
    Some((&entry.worker, entry.cpu?))
}

/// The kernel threads of those cores, each with a CPU that is online now. For who holds the hotplug lock.
fn online<'a>(
    machine: &'a Machine,
    which: &'a dyn Fn(&CoreEntry) -> bool,
) -> impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone + 'a {
    let cores = machine.cores.iter().enumerate();
    let cores = cores.filter(move |(_, entry)| which(entry));
    cores.filter_map(move |(index, entry)| {
        let known = entry.cpu.filter(|cpu| cpu.online());
        let cpu = known.or_else(|| machine.cpus_of(index).next())?;
        Some((&entry.worker, cpu))
    })
}

/// How many seconds in a row a core's thread may be kept from running before the core is left out.
/// Somebody waits for the end of a pass that is to end early.
fn patience(engine: &Engine) -> impl Fn() -> u32 + '_ {
    || if engine.control.aborting() { 1 } else { 10 }
}
