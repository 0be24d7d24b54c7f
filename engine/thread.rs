// SPDX-License-Identifier: GPL-2.0

//! The kthread `rmpopt`: it decides, and sleeps whenever nothing is to be done.

use super::{
    control::{
        Attempt,
        Orders, //
    },
    machine::Machine,
    runner::Runner,
    Engine,
};
use crate::{
    sev::probe,
    sys::{
        cpu::OnCpu,
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
        let mut before = None;
        loop {
            let patience = (!memory.snp).then_some(SNP_POLL);
            let orders = self.control.next(before, patience);
            if orders.stop {
                break;
            }
            self.carry_out(&mut memory, orders);
            before = Some(orders);
        }
        memory.runner.switch_off(self);
    }

    fn stop(&self) {
        self.control.stop();
    }
}

impl Engine {
    fn carry_out(&self, memory: &mut Memory, orders: Orders) {
        if orders.survey {
            self.survey(memory);
        }
        if !orders.enabled {
            memory.runner.switch_off(self);
            return;
        }
        let came_on = self.look_for_snp(memory);
        if !memory.snp {
            return;
        }
        if came_on || orders.switched_on {
            for entry in self.machine().cores.iter() {
                entry.core.forgive();
            }
        }
        // A new initialisation of SNP has cleared the tables of all cores.
        let attempt = if came_on || orders.doubt {
            Attempt::All
        } else {
            orders.attempt
        };
        if attempt != Attempt::None {
            let begin = Instant::<Monotonic>::now();
            memory.runner.pass(self, attempt);
            // However many requests come, at least half of the time belongs to others.
            let rest = begin.elapsed().as_millis_ceil().clamp(1, REST_MAX);
            self.control.rest(Delta::from_millis(rest));
        }
    }

    /// Looks whether SNP is on; tells whether it has just come on.
    fn look_for_snp(&self, memory: &mut Memory) -> bool {
        let snp = OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled());
        let before = core::mem::replace(&mut memory.snp, snp);
        match (before, snp) {
            (false, true) => pr_info!("SNP has come on, all of memory is attempted\n"),
            (true, false) => pr_info!("SNP has gone off, waiting until it is on again\n"),
            _ => (),
        }
        snp && !before
    }

    /// Looks at RAM and cores again. Where memory is short the old view stays.
    fn survey(&self, memory: &mut Memory) {
        let new = Machine::survey(Some(&self.machine()), self.span, self.settings.policy())
            .and_then(|machine| Ok(Arc::new(machine, GFP_KERNEL)?))
            .and_then(|machine| Ok((Runner::new(machine.clone())?, machine)));
        match new {
            Ok((runner, machine)) => {
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
