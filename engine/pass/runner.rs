// SPDX-License-Identifier: GPL-2.0

//! Carries a pass out: leaders on one core or a few of each node, then followers on all cores.

use super::{
    core_base,
    core_check,
    core_round::{
        self,
        Stop, //
    },
    core_work::CoreWork,
    order::{
        Attempt,
        Order, //
    },
    plan::{
        self,
        PlanCore, //
    },
    progress::Step,
    rounds::{
        self,
        PassOps, //
    },
    survey::Survey, //
};
use crate::{
    engine::{
        host::{
            per_core::Core,
            region,
            state::CoreState,
            topology::{
                CoreEntry,
                Topology, //
            }, //
        },
        settings::Isolated,
        stats::{
            CoreTally,
            PassOutcome, //
        }, //
    },
    sys::{
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
        }, //
    }, //
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
    }, //
};

/// What a pass needs, allocated before it begins: nothing is allocated in a pass.
pub(crate) struct Runner {
    survey: Arc<Survey>,
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
    pub(crate) fn new(survey: Arc<Survey>) -> Result<Self> {
        let cores = survey.topology.cores.len();
        Ok(Self {
            batch: Batch::new(Client::Pass, cores)?,
            leaders: KVVec::from_elem(None, survey.topology.ram.len(), GFP_KERNEL)?,
            leading: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            taking_part: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            following: KVVec::from_elem(false, cores, GFP_KERNEL)?,
            behind: false,
            survey,
        })
    }

    /// Attempts what `attempt` says on all cores that can. Sleeps until that is done.
    ///
    /// Returns what it cost; what came out of it is in the region sets.
    pub(crate) fn pass(&mut self, order: &Order<'_>, attempt: Attempt) -> PassOutcome {
        let begin = Instant::<Monotonic>::now();
        let survey = self.survey.clone();
        for entry in survey.topology.cores.iter() {
            entry.core.reset_last();
        }
        self.select_cores(order);
        match attempt {
            Attempt::None | Attempt::Fill => (),
            Attempt::Dirty => self.open_dirty(),
            Attempt::All => self.open_all(),
        }
        order
            .progress
            .begin(Step::Verify, survey.sets.open().count());
        let mut cores = AllCores {
            runner: self,
            order,
            begin,
            led: None,
        };
        rounds::run(&survey.sets.of_pass(), survey.sets.dirty(), &mut cores);
        let all = begin.elapsed();
        // Where nobody followed all of it was the leaders'.
        let led = cores.led.unwrap_or(all);
        order.progress.begin(Step::Idle, 0);
        let mut outcome = PassOutcome {
            leaders_ns: led.as_nanos().unsigned_abs(),
            followers_ns: (all - led).as_nanos().unsigned_abs(),
            ..PassOutcome::default()
        };
        for entry in survey.topology.cores.iter() {
            outcome.add_core(entry.core.last().attempted);
        }
        outcome
    }

    /// Forgets what is known of all regions.
    fn open_all(&self) {
        let sets = &self.survey.sets;
        sets.dirty().wipe();
        sets.free().wipe();
        sets.held().wipe();
        sets.open().fill(self.survey.topology.ram.len());
        for entry in self.survey.topology.cores.iter() {
            entry.core.table().wipe();
        }
    }

    /// Forgets what is known of the dirty regions.
    fn open_dirty(&self) {
        let sets = &self.survey.sets;
        for place in sets.dirty().iter_from(0) {
            sets.dirty().clear(place);
            sets.reopen(place);
            self.survey.topology.forget(place);
        }
    }

    /// Asks all cores for what they are known to have. What one does not have is marked as missing.
    pub(crate) fn check(&mut self, order: &Order<'_>) {
        self.select_cores(order);
        let survey = &self.survey;
        survey.sets.missing().wipe();
        let cores = survey.topology.cores.iter().zip(&self.taking_part);
        let cores = cores
            .filter(|core| plan_core(*core).window.is_some())
            .filter_map(|(entry, _)| entry.at_work());
        let missing = self.batch.run(cores, || order.patience(), &|cpu| {
            work(order, survey, cpu, |_, core, _| {
                core_check::check(survey.sets.missing(), core, survey.topology.ram.len())
            });
        });
        self.behind |= missing.any();
    }

    /// Whether a core was left out since this was last called, because its thread was not run: then it
    /// may lack something.
    pub(crate) fn take_behind(&mut self) -> bool {
        core::mem::take(&mut self.behind)
    }

    /// What [`Runner::take_behind`] would tell.
    pub(crate) fn behind(&self) -> bool {
        self.behind
    }

    /// Asks each of `which` cores for everything that it has, as it was on before anybody looked. What any
    /// core has is free. Returns how many regions that are.
    pub(crate) fn adopt(&mut self, order: &Order<'_>, which: impl Fn(&CoreEntry) -> bool) -> u32 {
        self.select_cores(order);
        let survey = &self.survey;
        let topology = &survey.topology;
        for entry in topology.cores.iter().filter(|entry| which(entry)) {
            entry.core.set_known(false);
        }
        let cores = topology.cores.iter().zip(&self.taking_part);
        let cores = cores
            .filter(|core| which(core.0) && plan_core(*core).window.is_some())
            .filter_map(|(entry, _)| entry.at_work());
        let missing = self.batch.run(cores, || order.patience(), &|cpu| {
            work(order, survey, cpu, |_, _, _| Ok(()));
        });
        self.behind |= missing.any();
        let sets = &survey.sets;
        let mut adopted = 0u32;
        for place in 0..topology.ram.len() {
            if topology.any_has(place) {
                sets.set_free(place);
                adopted = adopted.saturating_add(1);
            } else if sets.free().test(place) {
                sets.reopen(place);
            }
        }
        adopted
    }

    /// Whether RMPOPT_BASE was cleared on all cores, as an initialisation of SNP does, and not on one. So
    /// many cores have noticed at work.
    pub(crate) fn all_cleared(&mut self, order: &Order<'_>, noticed: u32) -> bool {
        let topology = &self.survey.topology;
        let cleared = Atomic::new(noticed);
        let on = |entry: &&CoreEntry| entry.core.state().works();
        let cores = topology.cores.iter().filter(on);
        let cores = cores.filter_map(CoreEntry::at_work);
        self.batch.run(cores, || order.patience(), &|cpu| {
            if core_base::find_cleared(topology, cpu) {
                cleared.fetch_add(1, Relaxed);
            }
        });
        let online = topology.cores.iter();
        let online = online.filter(|entry| entry.representative.is_some());
        cleared.load(Relaxed) >= 2 || online.count() == 1
    }

    /// Decides which cores take part, and switches RMPOPT off on those that are skipped.
    fn select_cores(&mut self, order: &Order<'_>) {
        let isolated = order.isolated;
        let cores = &self.survey.topology.cores;
        let mut moved = false;
        for (takes_part, entry) in self.taking_part.iter_mut().zip(cores.iter()) {
            let now = entry.isolated_now();
            // A partition of a cpuset has come or gone: another thread may have to represent the core.
            moved |= now != entry.isolated;
            *takes_part = match isolated {
                _ if !now => true,
                Isolated::Include => true,
                Isolated::Once => !entry.core.complete(),
                Isolated::Skip => false,
            };
        }
        if moved {
            order.events.host_changed();
        }
        let skipped = |entry: &CoreEntry| {
            let state = entry.core.state();
            let kept = state == CoreState::Kept;
            isolated == Isolated::Skip && state.to_switch_off() && !kept && entry.isolated_now()
        };
        if cores.iter().any(skipped) {
            self.switch_off_where(&skipped);
        }
    }

    /// Chooses the leaders anew; tells whether there is any.
    fn replan(&mut self) -> bool {
        let survey = &self.survey;
        let taking_part = &self.taking_part;
        let cores = || survey.topology.cores.iter().zip(taking_part).map(plan_core);
        let open = |place| survey.sets.open().test(place);
        plan::leaders(&survey.topology.ram, open, cores, &mut self.leaders);
        self.leading.iter_mut().for_each(|leads| *leads = false);
        for leader in self.leaders.iter() {
            if let Some(leads) = leader.and_then(|i| self.leading.get_mut(usize::from(i))) {
                *leads = true;
            }
        }
        self.leading.iter().any(|leads| *leads)
    }

    /// Has the leaders verify what is open; tells whether there is any leader.
    fn lead(&mut self, order: &Order<'_>) -> bool {
        if !self.replan() {
            return false;
        }
        let survey = &self.survey;
        let leaders = &self.leaders;
        let cores = survey
            .topology
            .cores
            .iter()
            .zip(self.leading.iter())
            .filter(|(_, leads)| **leads)
            .filter_map(|(entry, _)| entry.at_work());
        let missing = self.batch.run(cores, || order.patience(), &|cpu| {
            work(order, survey, cpu, |index, core, tally| {
                let mine = |place| {
                    let leader = leaders.get(place).copied().flatten();
                    leader.is_some_and(|leader| usize::from(leader) == index)
                };
                core_round::lead(&survey.sets.of_pass(), core, mine, tally)
            });
        });
        self.behind |= missing.any();
        true
    }

    /// Has those cores attempt what is free that do not have all of it. The others are not disturbed.
    fn follow(&mut self, order: &Order<'_>) {
        let survey = &self.survey;
        let topology = &survey.topology;
        // What has just been verified is what most of the cores do not have.
        let mut led = self.leaders.iter().enumerate();
        let won = led.find(|(place, leader)| leader.is_some() && survey.sets.free().test(*place));
        let start = won.map_or(0, |(place, _)| place);
        for (follows, core) in self
            .following
            .iter_mut()
            .zip(topology.cores.iter().zip(&self.taking_part))
        {
            *follows = plan_core(core).window.is_some() && lacks_any(survey, &core.0.core, start);
        }
        let followers = || {
            let cores = topology.cores.iter().zip(self.following.iter());
            cores.filter(|(_, follows)| **follows)
        };
        order.progress.begin(Step::Fill, followers().count());
        let cores = followers().filter_map(|(entry, _)| entry.at_work());
        let missing = self.batch.run(cores, || order.patience(), &|cpu| {
            work(order, survey, cpu, |index, core, tally| {
                let start = plan::start(index, topology.cores.len(), topology.ram.len());
                core_round::follow(&survey.sets.of_pass(), core, start, tally)?;
                core.record_complete();
                Ok(())
            });
            order.progress.advance();
        });
        self.behind |= missing.any();
    }

    /// Attempts to switch RMPOPT off on every core on which the module had switched it on. Sleeps until that
    /// is done.
    ///
    /// Tells whether that was attempted on all of them. It was not where an initialisation of SNP has begun
    /// meanwhile.
    pub(crate) fn switch_off(&mut self) -> bool {
        self.switch_off_where(&|entry| entry.core.state().to_switch_off());
        let mut cores = self.survey.topology.cores.iter();
        let on = |state| matches!(state, CoreState::On | CoreState::OtherWindow);
        cores.all(|entry| !on(entry.core.state()))
    }

    /// CPUs are kept from coming and going meanwhile. So a core that is on has a thread that is online:
    /// RMPOPT is switched off with its last one.
    fn switch_off_where(&mut self, which: &dyn Fn(&CoreEntry) -> bool) {
        let topology = &self.survey.topology;
        let hotplug = HotplugLock::lock();
        self.batch
            .run_locked(&hotplug, online(topology, which), || 1, &|cpu| {
                OnCpu::exactly(cpu, |on| core_base::switch_off(topology, on));
            });
        // Where something else has the CPU and does not share it, or there is no memory for a thread: one
        // interrupt, as nothing else gets through. Not where the processor has just kept RMPOPT_EN.
        let missed = |entry: &CoreEntry| which(entry) && entry.core.state() != CoreState::Kept;
        for (_, cpu) in online(topology, &missed) {
            cpu::interrupt(cpu, |on| core_base::switch_off(topology, on));
        }
    }
}

/// All cores, in one pass.
struct AllCores<'a> {
    runner: &'a mut Runner,
    order: &'a Order<'a>,
    /// When the pass began.
    begin: Instant<Monotonic>,
    /// How long the leaders were at work, once the followers are.
    led: Option<Delta>,
}

impl PassOps for AllCores<'_> {
    fn lead(&mut self) -> bool {
        self.runner.lead(self.order)
    }

    fn follow(&mut self) {
        self.led = Some(self.begin.elapsed());
        self.runner.follow(self.order);
    }

    fn aborting(&self) -> bool {
        self.order.aborting()
    }
}

/// A core as the planner sees it: without a window while nothing can be done with it.
fn plan_core((entry, takes_part): (&CoreEntry, &bool)) -> PlanCore {
    let taken_out = matches!(entry.core.state(), CoreState::TakenOut(_));
    let usable = *takes_part && entry.representative.is_some() && !taken_out;
    PlanCore {
        node: entry.core.node(),
        window: entry.core.window().filter(|_| usable),
    }
}

/// Whether a core has anything to do where regions are free, looking from `start` on. May sleep.
fn lacks_any(survey: &Survey, core: &Core, start: usize) -> bool {
    cpu::cond_resched();
    if !core.state().works() || !core.complete() {
        return true;
    }
    let Some(window) = core.window() else {
        return false;
    };
    let ram = &survey.topology.ram;
    let covered = region::places(ram, window.first, window.span);
    survey.sets.free().iter_in(covered, start).any(|place| {
        let offset = ram.get(place).and_then(|ram| window.offset(ram.region));
        offset.is_some_and(|offset| !core.table().test(offset as usize))
    })
}

/// Works on `cpu`, and adds what was done to the core's account.
fn work(
    order: &Order<'_>,
    survey: &Survey,
    cpu: Cpu,
    round: impl FnOnce(usize, &CoreWork<'_>, &mut CoreTally) -> Result<(), Stop>,
) {
    let Some((index, entry)) = survey.topology.core_of(cpu) else {
        return;
    };
    let mut tally = CoreTally::default();
    let result = CoreWork::begin(order, survey, cpu).and_then(|core| {
        round(index, &core, &mut tally)?;
        core.record_success();
        Ok(())
    });
    entry.core.add_last(tally);
    if result == Err(Stop::Moved) && !entry.worker.called_away() {
        // The CPU went offline: another thread has to represent the core.
        order.events.host_changed();
    }
}

/// The kernel threads of those cores, each with a CPU that is online now. For who holds the hotplug lock.
fn online<'a>(
    topology: &'a Topology,
    which: &'a dyn Fn(&CoreEntry) -> bool,
) -> impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone + 'a {
    let cores = topology.cores.iter().enumerate();
    let cores = cores.filter(move |(_, entry)| which(entry));
    cores.filter_map(move |(index, entry)| {
        let known = entry.representative.filter(|cpu| cpu.online());
        let cpu = known.or_else(|| topology.cpus_of(index).next())?;
        Some((&entry.worker, cpu))
    })
}
