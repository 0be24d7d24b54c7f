// SPDX-License-Identifier: GPL-2.0

//! The kthread `rmpopt`: it decides, and sleeps whenever nothing is to be done.

use super::{
    control::{
        Attempt,
        Orders, //
    },
    dirt::{
        Due,
        Task, //
    },
    machine::Machine,
    plan::{
        self,
        Seat, //
    },
    runner::Runner,
    stats::Reason,
    Engine,
};
use crate::{
    sev::probe,
    sys::{
        compat,
        cpu::{
            self,
            OnCpu, //
        },
        kthread::Body, //
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

/// How often SYSCFG is read while SNP is off, in milliseconds.
const SNP_POLL: Msecs = 1000;

/// The longest time between two passes, in milliseconds.
const REST_MAX: i64 = 1000;

/// How often the host is looked at anew to switch RMPOPT off, while CPUs come and go.
const SWITCH_OFFS: u32 = 8;

/// What the thread remembers from one order to the next.
struct Memory {
    runner: Runner,
    /// SNP was on when last looked at.
    snp: bool,
}

impl Body for Engine {
    fn run(&self) {
        let runner = match Runner::new(self.machine()) {
            Ok(runner) => runner,
            Err(e) => {
                pr_err!(
                    "no memory to work with ({}), nothing is optimised\n",
                    e.to_errno()
                );
                return self.refuse_all();
            }
        };
        let mut memory = Memory {
            runner,
            snp: self.found.syscfg.snp_enabled(),
        };
        settle_down(&self.machine());
        let mut before = None;
        let mut patience = None;
        loop {
            let orders = self.control.next(before, patience);
            if orders.stop {
                break;
            }
            self.carry_out(&mut memory, orders);
            patience = self.tend(&mut memory);
            before = Some(orders);
        }
        self.switch_off(&mut memory);
    }

    fn stop(&self) {
        self.control.stop();
    }
}

/// Keeps the thread on a CPU that stands for its core: what it queues for its own core then takes no
/// interrupt. Not on an isolated one nor on one that leads, if possible.
fn settle_down(machine: &Machine) {
    let cores = || {
        machine.cores.iter().map(|entry| Seat {
            node: entry.core.node(),
            isolated: entry.isolated,
            standing: entry.cpu.is_some(),
        })
    };
    let best = plan::seat(cores).and_then(|index| machine.cores.get(index)?.cpu);
    if let Some(cpu) = best {
        cpu::stay_on(cpu);
    }
}

impl Engine {
    fn carry_out(&self, memory: &mut Memory, orders: Orders) {
        if orders.survey {
            self.survey(memory);
        }
        if !orders.enabled {
            self.switch_off(memory);
            return;
        }
        let came_on = self.look_for_snp(memory);
        if !memory.snp {
            return;
        }
        let anew = came_on || orders.losses != 0 && memory.runner.all_lost(self, orders.losses);
        if anew || orders.switched_on {
            for entry in self.machine().cores.iter() {
                entry.core.forgive();
            }
        }
        if anew {
            self.control.set_busy();
            for entry in self.machine().cores.iter() {
                entry.core.set_served(false);
            }
            self.dirt.forget(&self.machine());
            self.pass(memory, Attempt::All, Reason::Start);
        } else if orders.attempt != Attempt::None {
            self.pass(memory, orders.attempt, orders.reason);
        } else if orders.losses != 0 {
            self.pass(memory, Attempt::Fill, Reason::Host);
        }
    }

    /// Switches RMPOPT off on all cores, also where CPUs come and go meanwhile.
    fn switch_off(&self, memory: &mut Memory) {
        self.dirt.nothing_optimised(&self.machine());
        for _ in 0..SWITCH_OFFS {
            if memory.runner.switch_off(self) {
                return;
            }
            self.survey(memory);
        }
        pr_warn!("CPUs come and go too fast: RMPOPT is still enabled on some\n");
    }

    /// Makes a pass.
    fn pass(&self, memory: &mut Memory, attempt: Attempt, reason: Reason) {
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
        self.dirt.end(&machine, reason, outcome, self);
        // However many requests come, at least half of the time belongs to others.
        let rest = compat::millis_ceil(begin.elapsed()).clamp(1, REST_MAX);
        self.control.rest(Delta::from_millis(rest));
    }

    /// Does what is due without anybody asking for it. Returns how long the thread may sleep.
    fn tend(&self, memory: &mut Memory) -> Option<Msecs> {
        if !self.control.enabled() {
            return None;
        }
        if !memory.snp {
            return Some(SNP_POLL);
        }
        let machine = self.machine();
        match self.dirt.due(&machine, &self.settings) {
            Due::Now(task) => {
                self.control.set_busy();
                self.perform(memory, &machine, task);
                Some(0)
            }
            Due::In(ms) => Some(Msecs::try_from(ms).unwrap_or(Msecs::MAX)),
            Due::Later => None,
        }
    }

    fn perform(&self, memory: &mut Memory, machine: &Machine, task: Task) {
        match task {
            Task::Queue => {
                if self.dirt.take_queue(machine, self) {
                    self.pass(memory, Attempt::Changed, Reason::GivenBack);
                }
            }
            Task::Check(reason) => {
                memory.runner.check(self);
                self.dirt.take_unproven(machine, machine.board().lost, self);
                if !machine.changed().empty() {
                    self.pass(memory, Attempt::Changed, reason);
                }
            }
        }
    }

    /// Looks whether SNP is on; tells whether it has just come on.
    fn look_for_snp(&self, memory: &mut Memory) -> bool {
        let snp = OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled());
        let before = core::mem::replace(&mut memory.snp, snp);
        match (before, snp) {
            (false, true) => pr_info!("SNP has come on, all of memory is attempted\n"),
            (true, false) => {
                pr_info!("SNP has gone off, waiting until it is on again\n");
                // That may have left RMPOPT_BASE as it was.
                self.switch_off(memory);
            }
            _ => (),
        }
        snp && !before
    }

    /// Looks at RAM and cores again. Where memory is short the old view stays.
    fn survey(&self, memory: &mut Memory) {
        let new = Machine::survey(Some(&self.machine()), self.span, self.settings.policy())
            .and_then(|machine| Ok(Arc::new(machine, GFP_KERNEL)?))
            .and_then(|machine| {
                self.dirt.cover(&machine)?;
                Ok((Runner::new(machine.clone())?, machine))
            });
        match new {
            Ok((runner, machine)) => {
                settle_down(&machine);
                self.set_machine(machine);
                memory.runner = runner;
            }
            Err(e) => pr_warn!(
                "CPUs or memory changed, but there is no memory to note it ({})\n",
                e.to_errno()
            ),
        }
    }

    /// Answers orders without carrying them out, so that nobody waits for ever.
    fn refuse_all(&self) {
        let mut before = None;
        loop {
            let orders = self.control.next(before, None);
            if orders.stop {
                return;
            }
            before = Some(orders);
        }
    }
}
