// SPDX-License-Identifier: GPL-2.0

//! A core's part of a pass, on the core itself.

use super::{
    check::Reporter,
    core::{
        Core,
        State, //
    },
    machine::Machine,
    pass::{
        Answer,
        Hands,
        Stop, //
    },
    window::Window,
    Engine,
};
use crate::{
    sev::{
        addr::Region,
        msr::RmpoptBase,
        probe,
        rmpopt, //
    },
    sys::{
        core_thread::give_way,
        cpu::{
            self,
            Cpu,
            OnCpu, //
        },
        insn::Fault, //
    },
};
use core::cell::Cell;
use kernel::{
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// A core at work, through the thread that stands for it.
pub(crate) struct CoreHands<'a> {
    engine: &'a Engine,
    machine: &'a Machine,
    core: &'a Core,
    cpu: Cpu,
    /// The core's window, which stays for the length of a pass.
    window: Option<Window>,
    /// When the slice began.
    slice: Cell<Instant<Monotonic>>,
}

/// How long a core sleeps at first while others are at all regions that it still needs, in
/// microseconds: some RMPOPT long.
const SHORTEST_WAIT: u64 = 50;
/// How often in a row that doubles.
const DOUBLINGS: u32 = 3;

/// How often in a row RMPOPT_BASE may be lost before the core counts as broken.
const LOSSES: u32 = 3;

impl<'a> CoreHands<'a> {
    /// Takes up work on `cpu`: sees to it that RMPOPT_BASE is what it shall be.
    ///
    /// In thread context on `cpu`.
    ///
    /// # Errors
    ///
    /// The reason why this core cannot work.
    pub(crate) fn take_up(
        engine: &'a Engine,
        machine: &'a Machine,
        cpu: Cpu,
    ) -> Result<Self, Stop> {
        let (_, entry) = machine.core_of(cpu).ok_or(Stop::Moved)?;
        let hands = Self {
            engine,
            machine,
            core: &entry.core,
            cpu,
            window: entry.core.window(),
            slice: Cell::new(Instant::now()),
        };
        if let State::TakenOut(_) = hands.core.state() {
            return Err(Stop::Faulted);
        }
        let snp = hands.on_core(probe::syscfg)?.snp_enabled();
        if !snp {
            return Err(hands.find_off());
        }
        hands.program()?;
        Ok(hands)
    }

    /// The core has all that it can have.
    pub(crate) fn serve(&self) {
        self.core.set_served(true);
    }

    /// The core has done all that was asked of it.
    pub(crate) fn settle(&self) {
        self.core.settle();
    }

    /// Sets RMPOPT_BASE unless it has the value already. A table that was off is empty.
    fn program(&self) -> Result<(), Stop> {
        // Nothing in there may sleep.
        let wanted = self
            .window
            .map_or(RmpoptBase::OFF, |window| RmpoptBase::on(window.first));
        let result = self.on_core(|on| {
            // Its hotplug callback runs on this CPU too, and does not preempt this.
            if self.core.leaving() {
                return Ok(Err(Stop::Moved));
            }
            let base = rmpopt::base(on)?;
            if self.core.state() == State::On && !base.enabled() {
                // Cleared while nobody looked, as an initialisation of SNP does.
                self.core.set_off();
                return Ok(Err(Stop::Lost));
            }
            if base != wanted {
                self.core.table().wipe();
                rmpopt::set_base(on, wanted)?;
            }
            self.core.set_state(State::On);
            Ok(Ok(()))
        })?;
        if result == Err(Stop::Lost) {
            self.engine.control.core_lost();
        }
        result
    }

    /// Runs `f` on the core, and takes the core out if it faults.
    fn on_core<R>(&self, f: impl FnOnce(&OnCpu) -> Result<R, Fault>) -> Result<R, Stop> {
        match OnCpu::exactly(self.cpu, f) {
            None => Err(Stop::Moved),
            Some(Ok(result)) => Ok(result),
            Some(Err(fault)) => Err(self.judge(fault)),
        }
    }

    /// Whether a fault is the end of SNP, which concerns all cores, or this core's own.
    fn judge(&self, fault: Fault) -> Stop {
        if fault == Fault::Initialising {
            // The thread knows, and sees to it that all is attempted again.
            return Stop::Lost;
        }
        let still_on = OnCpu::exactly(self.cpu, |on| {
            let snp = probe::syscfg(on).is_ok_and(|syscfg| syscfg.snp_enabled());
            let base = rmpopt::base(on).is_ok_and(|base| base.enabled());
            (snp, base)
        });
        match (still_on, fault) {
            (None, _) => return Stop::Moved,
            // It was switched off under this work, as its last thread goes offline.
            _ if self.core.leaving() => return Stop::Moved,
            (Some((false, _)), _) => return self.find_off(),
            (Some((true, false)), Fault::InvalidOpcode) if self.core.losses() < LOSSES => {
                return self.lose()
            }
            _ => (),
        }
        let before = self.core.set_state(State::TakenOut(fault));
        if !matches!(before, State::TakenOut(_)) {
            pr_warn!(
                "CPU {}: {} from RMPOPT; its core is left out until SNP is initialised again or \"enabled\" is set anew\n",
                self.cpu.number(),
                fault.name()
            );
        }
        Stop::Faulted
    }

    /// The region's place in the core's table.
    fn offset(&self, region: Region) -> Option<usize> {
        Some(self.window?.offset(region)? as usize)
    }

    /// SNP is off, which says nothing about this core: the thread has to look.
    fn find_off(&self) -> Stop {
        // A shutdown of SNP may have left it enabled, and nobody would clear it later.
        OnCpu::exactly(self.cpu, |on| {
            if rmpopt::base(on).is_ok_and(|base| base.enabled()) {
                let _ = rmpopt::set_base(on, RmpoptBase::OFF);
            }
        });
        self.core.set_off();
        self.engine.control.core_lost();
        Stop::Lost
    }

    /// RMPOPT_BASE is no longer what we had set, while SNP is on: the thread has to look.
    fn lose(&self) -> Stop {
        self.core.lose();
        self.engine.control.core_lost();
        Stop::Lost
    }
}

impl Hands for CoreHands<'_> {
    fn attempt(&self, place: usize) -> Result<Answer, Stop> {
        let Some(ram) = self.machine.ram.get(place) else {
            return Ok(Answer::Held);
        };
        // Claimed and released without being preempted in between: nobody waits long for a claim.
        let won = self.on_core(|on| {
            let claim = self.machine.claim(place);
            claim
                .map(|_claim| rmpopt::optimise(on, ram.region))
                .transpose()
        })?;
        let Some(won) = won else {
            return Ok(Answer::Busy);
        };
        if let Some(offset) = self.offset(ram.region) {
            if won {
                self.core.table().set(offset);
            } else {
                self.core.table().clear(offset);
            }
        }
        Ok(if won { Answer::Optimised } else { Answer::Held })
    }

    fn breathe(&self) -> Result<(), Stop> {
        if self.engine.control.aborting() {
            return Err(Stop::Asked);
        }
        let slice = Delta::from_micros(self.engine.settings.slice_us().into());
        if self.slice.get().elapsed() >= slice {
            give_way();
            self.slice.set(Instant::now());
        }
        Ok(())
    }

    fn wait(&self, times: u32) -> Result<(), Stop> {
        cpu::sleep_us(SHORTEST_WAIT << times.saturating_sub(1).min(DOUBLINGS));
        if self.engine.control.aborting() {
            return Err(Stop::Asked);
        }
        Ok(())
    }

    fn lacks(&self, place: usize) -> bool {
        let ram = self.machine.ram.get(place);
        let offset = ram.and_then(|ram| self.offset(ram.region));
        offset.is_some_and(|offset| !self.core.table().test(offset))
    }
}

impl Reporter for CoreHands<'_> {
    fn has(&self, place: usize) -> bool {
        let ram = self.machine.ram.get(place);
        let offset = ram.and_then(|ram| self.offset(ram.region));
        offset.is_some_and(|offset| self.core.table().test(offset))
    }

    fn report(&self, place: usize) -> Result<bool, Stop> {
        let Some(ram) = self.machine.ram.get(place) else {
            return Ok(false);
        };
        let has = self.on_core(|on| rmpopt::query(on, ram.region))?;
        if let Some(offset) = self.offset(ram.region).filter(|_| !has) {
            self.core.table().clear(offset);
        }
        Ok(has)
    }
}

/// Looks whether the core of `cpu` still has the RMPOPT_BASE that we had set; notes it where not.
///
/// Tells whether it was lost. In thread context on `cpu`.
pub(crate) fn find_lost(machine: &Machine, cpu: Cpu) -> bool {
    let Some((_, entry)) = machine.core_of(cpu) else {
        return false;
    };
    if entry.core.state() != State::On {
        return false;
    }
    let enabled = OnCpu::exactly(cpu, |on| rmpopt::base(on).is_ok_and(|base| base.enabled()));
    let lost = enabled == Some(false);
    if lost {
        entry.core.set_off();
    }
    lost
}

/// Switches RMPOPT off on the core that the caller is on, if it was us who had switched it on.
///
/// A fault is no news: then there is nothing to switch off.
pub(crate) fn switch_off(machine: &Machine, on: &OnCpu) {
    let Some((_, entry)) = machine.core_of(on.cpu()) else {
        return;
    };
    if entry.core.state() == State::Off {
        return;
    }
    let cleared = match rmpopt::base(on) {
        // Cleared by somebody else: no write, which may come too early, before the end of SNP_INIT.
        Ok(base) if !base.enabled() => Ok(()),
        _ => rmpopt::set_base(on, RmpoptBase::OFF),
    };
    if let Ok(()) = cleared {
        entry.core.set_off();
    }
}

/// `cpu` goes offline. The last thread of a core takes RMPOPT along, as nobody could switch it off
/// later.
///
/// In thread context on `cpu`, under the hotplug lock.
pub(crate) fn leave(machine: &Machine, cpu: Cpu) {
    let Some((index, entry)) = machine.core_of(cpu) else {
        return;
    };
    if machine.cpus_of(index).all(|other| other == cpu) {
        entry.core.set_leaving(true);
        OnCpu::exactly(cpu, |on| switch_off(machine, on));
    }
}

/// `cpu` has come online.
///
/// In thread context, under the hotplug lock.
pub(crate) fn arrive(machine: &Machine, cpu: Cpu) {
    if let Some((_, entry)) = machine.core_of(cpu) {
        entry.core.set_leaving(false);
    }
}
