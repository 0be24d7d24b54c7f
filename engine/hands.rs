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
    Engine,
};
use crate::{
    sev::{
        msr::RmpoptBase,
        probe,
        rmpopt, //
    },
    sys::{
        cpu::{
            self,
            Background,
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
    /// When the slice began.
    slice: Cell<Instant<Monotonic>>,
    _background: Background,
}

/// How long a core sleeps at first while others are at all regions that it still needs, in
/// microseconds: some RMPOPT long.
const SHORTEST_WAIT: u64 = 25;
/// The longest of these sleeps.
const LONGEST_WAIT: u64 = 400;

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
            slice: Cell::new(Instant::now()),
            _background: Background::enter(),
        };
        if let State::TakenOut(_) = hands.core.state() {
            return Err(Stop::Faulted);
        }
        let snp = hands.on_core(probe::syscfg)?.snp_enabled();
        if !snp {
            return Err(hands.lose());
        }
        hands.program(entry.core.wanted_base())?;
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
    fn program(&self, wanted: RmpoptBase) -> Result<(), Stop> {
        self.on_core(|on| {
            // Its hotplug callback runs on this CPU too, and does not preempt this.
            if self.core.leaving() {
                return Ok(Err(Stop::Moved));
            }
            let base = rmpopt::base(on)?;
            if self.core.state() == State::On && !base.enabled() {
                return Ok(Err(self.find_off()));
            }
            if base != wanted {
                self.core.table().wipe();
                rmpopt::set_base(on, wanted)?;
            }
            self.core.set_state(State::On);
            Ok(Ok(()))
        })?
    }

    /// RMPOPT_BASE was cleared while nobody looked, as an initialisation of SNP does.
    fn find_off(&self) -> Stop {
        self.core.set_state(State::Off);
        self.core.table().wipe();
        self.engine.control.snp_in_doubt();
        Stop::Lost
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
        let still_on = OnCpu::exactly(self.cpu, |on| {
            let snp = probe::syscfg(on).is_ok_and(|syscfg| syscfg.snp_enabled());
            let base = rmpopt::base(on).is_ok_and(|base| base.enabled());
            (snp, base)
        });
        match (still_on, fault) {
            (None, _) => return Stop::Moved,
            // It was switched off under this work, as its last thread goes offline.
            _ if self.core.leaving() => return Stop::Moved,
            (Some((false, _)), _) => return self.lose(),
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

    /// RMPOPT_BASE is no longer what we had set: the thread has to look what has happened.
    fn lose(&self) -> Stop {
        self.core.lose();
        self.engine.control.snp_in_doubt();
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
        if let Some(offset) = self.core.window().and_then(|w| w.offset(ram.region)) {
            if won {
                self.core.table().set(offset as usize);
            } else {
                self.core.table().clear(offset as usize);
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
            cpu::reschedule();
            self.slice.set(Instant::now());
        }
        Ok(())
    }

    fn wait(&self, times: u32) -> Result<(), Stop> {
        cpu::sleep_us((SHORTEST_WAIT << times.min(4)).min(LONGEST_WAIT));
        if self.engine.control.aborting() {
            return Err(Stop::Asked);
        }
        Ok(())
    }

    fn covers(&self, place: usize) -> bool {
        let ram = self.machine.ram.get(place);
        ram.is_some_and(|ram| self.core.window().is_some_and(|w| w.covers(ram.region)))
    }

    fn has(&self, place: usize) -> bool {
        let offset = self
            .machine
            .ram
            .get(place)
            .and_then(|ram| self.core.window()?.offset(ram.region));
        offset.is_some_and(|offset| self.core.table().test(offset as usize))
    }
}

impl Reporter for CoreHands<'_> {
    fn report(&self, place: usize) -> Result<bool, Stop> {
        let Some(ram) = self.machine.ram.get(place) else {
            return Ok(false);
        };
        let has = self.on_core(|on| rmpopt::query(on, ram.region))?;
        if let Some(offset) = self.core.window().and_then(|w| w.offset(ram.region)) {
            if !has {
                self.core.table().clear(offset as usize);
            }
        }
        Ok(has)
    }
}

/// Switches RMPOPT off on the core of `cpu`, if it was us who had switched it on.
///
/// In thread context on `cpu`. A fault is no news: then there is nothing to switch off.
pub(crate) fn switch_off(machine: &Machine, cpu: Cpu) {
    let Some((_, entry)) = machine.core_of(cpu) else {
        return;
    };
    if entry.core.state() == State::Off {
        return;
    }
    let cleared = OnCpu::exactly(cpu, |on| rmpopt::set_base(on, RmpoptBase::OFF));
    if let Some(Ok(())) = cleared {
        entry.core.table().wipe();
        entry.core.set_state(State::Off);
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
        switch_off(machine, cpu);
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
