// SPDX-License-Identifier: GPL-2.0

//! The kthread `rmpopt`: it decides, and sleeps whenever nothing is to be done.

use super::{
    control::{
        Attempt,
        Orders, //
    },
    core::State,
    dirt::{
        Due,
        Task, //
    },
    loss::{
        self,
        Loss, //
    },
    machine::{
        CoreEntry,
        Machine, //
    },
    runner::Runner,
    stats::Reason,
    Engine,
};
use crate::{
    sev::{
        assess::Role,
        platform::{
            self,
            Snp, //
        },
    },
    sys::{
        compat,
        kthread::Body,
        snp, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        Delta,
        Instant,
        Monotonic,
        Msecs, //
    },
};

/// How often it is looked whether SNP is on while it is not, in milliseconds.
pub(super) const SNP_POLL: Msecs = 1000;

/// How often the thread's own core looks whether everything was lost, in milliseconds.
const LOSS_LOOK: Msecs = 1000;

/// The longest time between two passes, in milliseconds.
const REST_MAX: i64 = 1000;

/// How long the thread waits after it got no memory, in milliseconds.
const RETRY: Msecs = 1000;

/// What becomes of memory where RMPOPT_EN cannot be cleared.
pub(crate) const KEPT: &str = "stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared";

/// What the thread remembers from one order to the next.
pub(super) struct Memory {
    pub(super) runner: Runner,
    /// How far SNP was when last looked at. `None` before the first look.
    pub(super) snp: Option<Snp>,
    /// Initialisations of SNP that had begun before that look.
    begun: u32,
    /// When it was last looked whether everything was lost, and at which region.
    looked: Instant<Monotonic>,
    asked: usize,
    /// What could not be carried out for lack of memory: tried again with the next orders, and soon.
    owed: Orders,
    /// Cores were on when the module was loaded, and nobody has looked at what they have.
    pub(super) left_on: bool,
    /// When the kernel's own passes were looked for.
    pub(super) watched: Option<Instant<Monotonic>>,
    /// So many regions were said to lie beyond the kernel's window.
    pub(super) not_covered: usize,
}

impl Body for Engine {
    fn run(&self) {
        self.control.attach();
        let Some(mut memory) = self.begin() else {
            return;
        };
        let mut before = None;
        // What was ordered while there was no memory is carried out at once.
        let mut patience = Some(0);
        loop {
            let orders = self.control.next(before, patience);
            if orders.stop {
                break;
            }
            let passes = self.passes.lock();
            self.carry_out(&mut memory, orders);
            patience = self.tend(&mut memory);
            drop(passes);
            before = Some(orders);
        }
        self.look_for_snp(&mut memory);
        if !self.switch_off(&mut memory) {
            self.report_kept();
        }
    }

    fn stop(&self) {
        self.control.stop();
    }
}

impl Engine {
    fn carry_out(&self, memory: &mut Memory, orders: Orders) {
        let earlier = core::mem::take(&mut memory.owed);
        let orders = orders.with(earlier);
        if orders.survey && !self.survey(memory, earlier.survey) {
            memory.owed = Orders::survey_again();
        }
        let came_on = self.look_for_snp(memory);
        if !orders.enabled {
            self.switch_off(memory);
            return;
        }
        if memory.snp != Some(Snp::On) {
            return;
        }
        let anew = came_on || orders.losses != 0 && memory.runner.all_lost(self, orders.losses);
        if anew || orders.switched_on {
            for entry in self.machine().cores.iter() {
                entry.core.forgive();
            }
        }
        if anew {
            memory.left_on = self.role == Role::Native;
            self.control.set_busy();
            for entry in self.machine().cores.iter() {
                entry.core.set_served(false);
            }
            self.dirt.forget(&self.machine());
            let attempt = self.first_attempt(memory);
            self.pass(memory, attempt, Reason::Start);
        } else if orders.attempt != Attempt::None {
            let attempt = match orders.reason {
                Reason::Start => self.first_attempt(memory),
                _ => orders.attempt,
            };
            self.pass(memory, attempt, orders.reason);
        } else if orders.losses != 0 {
            self.pass(memory, Attempt::Fill, Reason::Host);
        }
    }

    /// Attempts to switch RMPOPT off on all cores. Tells whether it has said what came of it, or nothing is
    /// to be said.
    ///
    /// While SNP is being initialised, or after that has failed, nobody may. The end of SNP_INIT does it,
    /// and the thread looks after it then.
    fn switch_off(&self, memory: &mut Memory) -> bool {
        let before = self.kept();
        let mut initialising = memory.snp == Some(Snp::Initialising);
        while !initialising && !memory.runner.switch_off() && !snp::is_open() {
            // An initialisation has begun.
            let now = platform::look(&self.found, memory.snp, self.snp_watched());
            memory.snp = Some(now);
            initialising = now == Snp::Initialising;
        }
        if initialising {
            memory.runner.all_lost(self, 0);
        }
        let kept = self.kept();
        let machine = self.machine();
        if initialising || !machine.cores.iter().any(|entry| entry.core.is_on()) {
            self.dirt.nothing_optimised(&machine);
        }
        if kept > before {
            self.report_kept();
            return true;
        }
        kept == 0
    }

    /// The cores on which the processor keeps RMPOPT_EN.
    fn kept(&self) -> usize {
        let machine = self.machine();
        let kept = |entry: &&CoreEntry| entry.core.state() == State::Kept;
        machine.cores.iter().filter(kept).count()
    }

    /// Says that what was to be switched off stays on.
    fn report_kept(&self) {
        pr_info!("{} (on {} cores)\n", KEPT, self.kept());
    }

    /// Makes a pass.
    pub(super) fn pass(&self, memory: &mut Memory, attempt: Attempt, reason: Reason) {
        let begin = Instant::<Monotonic>::now();
        let machine = self.machine();
        if matches!(reason, Reason::GivenBack | Reason::Host) {
            self.dirt.spare_held(&machine);
        }
        if reason == Reason::GivenBack && machine.changed().empty() && machine.board().open.empty()
        {
            // All of it was assigned again.
            return;
        }
        self.dirt.begin(&machine, attempt, reason);
        let outcome = memory.runner.pass(self, attempt);
        self.dirt.end(&machine, reason, outcome);
        // However many requests come, at least half of the time belongs to others.
        let rest = compat::millis_ceil(begin.elapsed()).clamp(1, REST_MAX);
        self.control.rest(Delta::from_millis(rest));
    }

    /// Does what is due without anybody asking for it. Returns how long the thread may sleep.
    fn tend(&self, memory: &mut Memory) -> Option<Msecs> {
        let watch = self.watch(memory);
        let retry = memory.owed.survey.then_some(RETRY);
        sooner(sooner(retry, watch), self.do_what_is_due(memory))
    }

    fn do_what_is_due(&self, memory: &mut Memory) -> Option<Msecs> {
        if !self.control.enabled() {
            // Until then nobody sees what the kernel has optimised, and nothing can be switched off.
            return (memory.snp == Some(Snp::Initialising)).then_some(SNP_POLL);
        }
        if memory.snp != Some(Snp::On) {
            return Some(SNP_POLL);
        }
        let machine = self.machine();
        let due = match self.dirt.due(&machine, &self.settings) {
            Due::Now(task) => {
                self.control.set_busy();
                self.perform(memory, &machine, task);
                return Some(0);
            }
            Due::In(ms) => Some(Msecs::try_from(ms).unwrap_or(Msecs::MAX)),
            Due::Later => None,
        };
        sooner(due, self.look_for_loss(memory, &machine))
    }

    fn perform(&self, memory: &mut Memory, machine: &Machine, task: Task) {
        match task {
            Task::Queue => {
                if self.dirt.take_queue(machine, self) {
                    self.pass(memory, Attempt::Changed, Reason::GivenBack);
                }
            }
            Task::Check(reason) => self.check(memory, machine, true, reason),
        }
    }

    /// Asks all cores for what they should have, and attempts what one of them has lost; `all`: and what is
    /// not known to be free.
    fn check(&self, memory: &mut Memory, machine: &Machine, all: bool, reason: Reason) {
        let behind = memory.runner.take_behind();
        memory.runner.check(self);
        let lost = machine.board().lost;
        self.dirt.take_checked(machine, lost, all, self);
        if !machine.changed().empty() {
            self.pass(memory, Attempt::Changed, reason);
        } else if behind && !memory.runner.behind() {
            // A core that was left out has answered.
            self.pass(memory, Attempt::Fill, reason);
        }
    }

    /// Looks now and then whether everything was lost, also where nothing else begins by itself. Returns when to
    /// look again.
    fn look_for_loss(&self, memory: &mut Memory, machine: &Machine) -> Option<Msecs> {
        if machine.board().free.empty() {
            return None;
        }
        let since = compat::millis_ceil(memory.looked.elapsed());
        let left = LOSS_LOOK.saturating_sub(Msecs::try_from(since).unwrap_or(Msecs::MAX));
        if left != 0 {
            return Some(left);
        }
        memory.looked = Instant::now();
        match loss::look(self, machine, &mut memory.asked) {
            Loss::None => (),
            // The thread finds out at once whether it is this core alone.
            Loss::Base => self.control.core_lost(),
            Loss::Region => {
                self.control.set_busy();
                self.check(memory, machine, false, Reason::Check);
            }
        }
        Some(LOSS_LOOK)
    }

    /// Looks whether SNP is on, and waits for an initialisation that is under way. Tells whether all of memory has
    /// to be attempted: SNP has come on, or was initialised again.
    fn look_for_snp(&self, memory: &mut Memory) -> bool {
        if !self.found.features.rmpopt {
            return false;
        }
        let begun = snp::begun();
        let before = memory.snp;
        let now = platform::look(&self.found, before, self.snp_watched());
        let again = core::mem::replace(&mut memory.begun, begun) != begun;
        memory.snp = Some(now);
        let news = match (before, now) {
            (Some(Snp::On), Snp::On) if again => {
                Some("SNP was initialised again, all of memory is attempted")
            }
            (Some(Snp::Off | Snp::Initialising), Snp::On) => {
                Some("SNP has come on, all of memory is attempted")
            }
            (Some(Snp::On), Snp::Off) => Some("SNP has gone off, waiting until it is on again"),
            (Some(Snp::On) | None, Snp::Initialising) => {
                Some("SNP_INIT is not over, waiting until it is")
            }
            _ => None,
        };
        if let Some(news) = news.filter(|_| self.control.enabled()) {
            pr_info!("{news}\n");
        }
        if now == Snp::Off && before != Some(Snp::Off) {
            // A shutdown may have left RMPOPT_BASE as it was.
            self.switch_off(memory);
        }
        let anew =
            now == Snp::On && (again || matches!(before, Some(Snp::Off | Snp::Initialising)));
        if anew || now == Snp::Initialising {
            // What was cleared on the way.
            memory.runner.all_lost(self, 0);
        }
        if anew {
            self.dirt.forget(&self.machine());
        }
        anew
    }

    /// Looks at RAM and cores again. False where memory is short: then the old view stays, and it is said
    /// unless this is done `again` for that reason.
    fn survey(&self, memory: &mut Memory, again: bool) -> bool {
        let new = Machine::survey(Some(&self.machine()), self.span, self.settings.policy())
            .and_then(|machine| Ok(Arc::new(machine, GFP_KERNEL)?))
            .and_then(|machine| {
                self.dirt.cover(&machine)?;
                Ok((Runner::new(machine.clone())?, machine))
            });
        match new {
            Ok((runner, machine)) => {
                self.set_machine(machine);
                memory.runner = runner;
                true
            }
            Err(e) => {
                if !again {
                    pr_warn!(
                        "CPUs or memory changed, but there is no memory to note it ({}): trying again every {} ms\n",
                        e.to_errno(),
                        RETRY
                    );
                }
                false
            }
        }
    }

    /// Gets what the thread works with, and waits until there is memory for that. Orders are answered
    /// meanwhile, so that nobody waits for ever, and carried out later. `None` where the module is unloaded
    /// before.
    fn begin(&self) -> Option<Memory> {
        let mut owed = Orders::default();
        let mut before = None;
        let mut said = false;
        loop {
            match Runner::new(self.machine()) {
                Ok(runner) => {
                    return Some(Memory {
                        runner,
                        snp: None,
                        begun: snp::begun(),
                        looked: Instant::now(),
                        asked: 0,
                        owed,
                        left_on: self.found.rmpopt_base.enabled() || self.role == Role::Native,
                        watched: None,
                        not_covered: 0,
                    })
                }
                Err(e) if !core::mem::replace(&mut said, true) => pr_warn!(
                    "no memory to work with ({}): trying again every {} ms\n",
                    e.to_errno(),
                    RETRY
                ),
                Err(_) => (),
            }
            let orders = self.control.next(before, Some(RETRY));
            if orders.stop {
                return None;
            }
            owed = orders.with(owed);
            before = Some(orders);
        }
    }
}

/// The shorter one of two times to sleep; `None` is for ever.
fn sooner(one: Option<Msecs>, other: Option<Msecs>) -> Option<Msecs> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
