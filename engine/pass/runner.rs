// SPDX-License-Identifier: GPL-2.0

//! Carries a pass out: first leaders on one or a few cores of each node, then followers on all cores.

use super::{
    core_base,
    core_check,
    core_round::{
        self,
        Stop, //
    },
    core_work::CoreWork,
    lack,
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

/// The memory that a pass needs. It is allocated before the pass: a pass allocates nothing.
pub(crate) struct Runner {
    survey: Arc<Survey>,
    batch: Batch,
    /// The index of the leading core, by place of the region.
    leaders: KVVec<Option<u16>>,
    /// Whether a core leads any region, by index of the core.
    leading: KVVec<bool>,
    /// Whether a core takes part in this pass, by index of the core.
    taking_part: KVVec<bool>,
    /// Whether a core has regions to attempt as a follower, by index of the core.
    following: KVVec<bool>,
    /// Whether a core was left out since [`Runner::take_behind`], because its thread did not get to run.
    behind: bool,
}

impl Runner {
    /// Allocates a runner for `survey`. May sleep.
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

    /// Makes a pass over the regions that `attempt` names, on all cores that can take part. Sleeps until the pass
    /// is over.
    ///
    /// Returns what the pass cost; the region sets hold its results.
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
        // Where no core followed, the leaders took all of the time.
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

    /// Makes all regions open, and forgets which cores have them.
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

    /// Makes the dirty regions open, and forgets which cores have them.
    fn open_dirty(&self) {
        let sets = &self.survey.sets;
        for place in sets.dirty().iter_from(0) {
            sets.dirty().clear(place);
            sets.reopen(place);
            self.survey.topology.forget(place);
        }
    }

    /// Asks each core for the regions that it is known to have, and marks those that it lacks as missing.
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

    /// Whether a core was left out since the last call, because its thread did not get to run: then that core may
    /// lack regions.
    pub(crate) fn take_behind(&mut self) -> bool {
        core::mem::take(&mut self.behind)
    }

    /// The value that [`Runner::take_behind`] would return.
    pub(crate) fn behind(&self) -> bool {
        self.behind
    }

    /// Asks each core for which `which` is true for all regions that it has optimised. A region that any core has
    /// optimised becomes free. Returns the number of such regions.
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

    /// Whether RMPOPT_BASE was cleared on all cores, as an initialisation of SNP does it, and not on one core only.
    /// `noticed` cores have already found their RMPOPT_BASE cleared at work.
    pub(crate) fn all_cleared(&mut self, order: &Order<'_>, noticed: u32) -> bool {
        let topology = &self.survey.topology;
        let cleared = Atomic::new(noticed);
        let on = |entry: &&CoreEntry| {
            let state = entry.core.state();
            state.works() || matches!(state, CoreState::TakenOut(_))
        };
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

    /// Looks whether the kernel has enabled RMPOPT on a core for which `which` is true, records that, and returns
    /// whether there is such a core. No other core is disturbed.
    pub(crate) fn any_enabled(
        &mut self,
        order: &Order<'_>,
        which: impl Fn(&CoreEntry) -> bool,
    ) -> bool {
        let topology = &self.survey.topology;
        let enabled = Atomic::new(false);
        let cores = topology.cores.iter().filter(|entry| which(entry));
        let cores = cores.filter_map(CoreEntry::at_work);
        self.batch.run(cores, || order.patience(), &|cpu| {
            if core_base::find_enabled(topology, cpu) {
                enabled.store(true, Relaxed);
            }
        });
        enabled.load(Relaxed)
    }

    /// Decides which cores take part, and switches RMPOPT off on isolated cores that are skipped.
    fn select_cores(&mut self, order: &Order<'_>) {
        let isolated = order.isolated;
        let cores = &self.survey.topology.cores;
        let mut moved = false;
        for (takes_part, entry) in self.taking_part.iter_mut().zip(cores.iter()) {
            let now = entry.isolated_now();
            // A cpuset partition was created or removed: the core may need another representative.
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

    /// Chooses the leaders of the open regions; returns whether there is any leader.
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

    /// Has the leaders verify the open regions; returns whether there is any leader.
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

    /// Has each core that lacks a free region attempt the free regions that it lacks. The other cores are not
    /// disturbed.
    fn follow(&mut self, order: &Order<'_>) {
        let survey = &self.survey;
        let topology = &survey.topology;
        // The search for a missing region starts at a region that was just verified: most cores lack it.
        let mut led = self.leaders.iter().enumerate();
        let won = led.find(|(place, leader)| leader.is_some() && survey.sets.free().test(*place));
        let start = won.map_or(0, |(place, _)| place);
        for (follows, core) in self
            .following
            .iter_mut()
            .zip(topology.cores.iter().zip(&self.taking_part))
        {
            *follows =
                plan_core(core).window.is_some() && has_to_follow(survey, &core.0.core, start);
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

    /// Attempts to switch RMPOPT off on every core on which the module had switched it on. Sleeps until all cores
    /// have finished.
    ///
    /// Returns whether all of these cores made the attempt. They did not where an initialisation of SNP has begun
    /// in the meantime.
    pub(crate) fn switch_off(&mut self) -> bool {
        self.switch_off_where(&|entry| entry.core.state().to_switch_off());
        let mut cores = self.survey.topology.cores.iter();
        let on = |state| matches!(state, CoreState::On | CoreState::OtherWindow);
        cores.all(|entry| !on(entry.core.state()))
    }

    /// Attempts to switch RMPOPT off on the cores for which `which` is true. The hotplug lock is held, so that a
    /// core that is on has an online thread: RMPOPT is switched off when the last thread of a core goes offline.
    fn switch_off_where(&mut self, which: &dyn Fn(&CoreEntry) -> bool) {
        let topology = &self.survey.topology;
        let hotplug = HotplugLock::lock();
        self.batch
            .run_locked(&hotplug, online(topology, which), || 1, &|cpu| {
                OnCpu::exactly(cpu, |on| core_base::switch_off(topology, on));
            });
        // A core is missed where another task does not let go of the CPU or where there is no memory for a
        // thread. Such a core gets one interrupt, because nothing else reaches it. A core on which the processor
        // has just kept RMPOPT_EN was not missed.
        let missed = |entry: &CoreEntry| which(entry) && entry.core.state() != CoreState::Kept;
        for (_, cpu) in online(topology, &missed) {
            cpu::interrupt(cpu, |on| core_base::switch_off(topology, on));
        }
    }
}

/// All cores of the host in one pass.
struct AllCores<'a> {
    runner: &'a mut Runner,
    order: &'a Order<'a>,
    /// When the pass began.
    begin: Instant<Monotonic>,
    /// How long the leaders worked. `None` until the followers begin.
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

/// A core as the planner sees it: without a window while the core cannot take part.
fn plan_core((entry, takes_part): (&CoreEntry, &bool)) -> PlanCore {
    let taken_out = matches!(entry.core.state(), CoreState::TakenOut(_));
    let usable = *takes_part && entry.representative.is_some() && !taken_out;
    PlanCore {
        node: entry.core.node(),
        window: entry.core.window().filter(|_| usable),
    }
}

/// Whether a core has to follow: it lacks a free region, or what it has is not certain. The search begins at
/// `start`. May sleep.
fn has_to_follow(survey: &Survey, core: &Core, start: usize) -> bool {
    cpu::cond_resched();
    if !core.state().works() || !core.complete() {
        return true;
    }
    let Some(window) = core.window() else {
        return false;
    };
    let table = core.table();
    let has = |offset: u32| table.test(offset as usize);
    lack::lacks_any(survey.sets.free(), &survey.topology.ram, window, start, has)
}

/// Executes `round` on `cpu`, and adds the attempts to [`Core::last`].
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

/// The kernel threads of the cores for which `which` is true, each with a CPU that is online now. The caller holds
/// the hotplug lock.
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
