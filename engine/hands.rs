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
    state::{
        Asked,
        Owner, //
    },
    window::Window,
    Engine,
};
use crate::{
    sev::{
        addr::Region,
        assess::Role,
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
        let mut hands = Self {
            engine,
            machine,
            core: &entry.core,
            cpu,
            window: None,
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
        hands.window = hands.core.window();
        if !hands.core.known() {
            hands.adopt()?;
        }
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

    /// Sees to it that RMPOPT_BASE is what it shall be, as far as the processor lets us.
    fn program(&self) -> Result<(), Stop> {
        // Nothing in there may sleep.
        let result = self.on_core(|on| {
            // Its hotplug callback runs on this CPU too, and does not preempt this.
            if self.core.leaving() {
                return Ok(Err(Stop::Moved));
            }
            let base = rmpopt::base(on)?;
            if matches!(self.core.state(), State::On | State::OtherWindow) && !base.enabled() {
                // Cleared while nobody looked, as an initialisation of SNP does.
                self.core.set_off();
                return Ok(Err(Stop::Lost));
            }
            let owner = self.engine.owner();
            self.core.set_owner(owner);
            if owner == Owner::Kernel {
                self.core.note(Asked::Nothing, base);
                // The kernel may set it up later: the thread looks.
                return Ok(base.enabled().then_some(()).ok_or(Stop::Asked));
            }
            if self.engine.role == Role::Native && self.core.asked() == Asked::Nothing {
                // What is taken over is given back in the end.
                self.core.set_rest(base);
            }
            match self.core.wanted() {
                Some(window) => program(on, self.core, base, window.first)?,
                None => self.core.note(self.core.asked(), base),
            }
            Ok(Ok(()))
        })?;
        if result == Err(Stop::Lost) {
            self.engine.control.core_lost();
        }
        result
    }

    /// Asks the core for all that it has, as it was on before anybody looked. Nothing is scanned.
    fn adopt(&self) -> Result<(), Stop> {
        self.core.table().wipe();
        for ram in self.machine.ram.iter() {
            let Some(offset) = self.offset(ram.region) else {
                continue;
            };
            // Not to be ended early: what the files show while RMPOPT is not enabled depends on it.
            self.offer();
            if self.on_core(|on| rmpopt::query(on, ram.region))? {
                self.core.table().set(offset);
            }
        }
        self.core.set_known(true);
        Ok(())
    }

    /// Lets others have the core once the slice is over.
    fn offer(&self) {
        let slice = Delta::from_micros(self.engine.settings.slice_us().into());
        if self.slice.get().elapsed() >= slice {
            give_way();
            self.slice.set(Instant::now());
        }
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
        let before = self.core.take_out(fault);
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
            if self.core.owner() == Owner::Module
                && rmpopt::base(on).is_ok_and(|base| base.enabled())
            {
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
        // A core whose window did not move as planned leaves to others what it cannot reach.
        let Some(offset) = self.offset(ram.region) else {
            return Ok(Answer::Busy);
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
        if won {
            self.core.table().set(offset);
        } else {
            self.core.table().clear(offset);
        }
        Ok(if won { Answer::Optimised } else { Answer::Held })
    }

    fn breathe(&self) -> Result<(), Stop> {
        if self.engine.control.aborting() {
            return Err(Stop::Asked);
        }
        self.offer();
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
    let state = entry.core.state();
    if !state.works() && state != State::Kept {
        return false;
    }
    let enabled = OnCpu::exactly(cpu, |on| rmpopt::base(on).is_ok_and(|base| base.enabled()));
    let lost = enabled == Some(false);
    if lost {
        entry.core.set_off();
    }
    lost
}

/// Opens a window from `first` on, unless the core has it or has refused it before. What is read
/// afterwards is noted.
///
/// The processor may keep the base where it is while SNP is on: then the core goes on with the window
/// that it has.
///
/// # Errors
///
/// The fault of the write, or #UD, where RMPOPT is off afterwards; [`Fault::Initialising`], where nothing
/// was written and nothing is noted.
fn program(on: &OnCpu, core: &Core, base: RmpoptBase, first: Region) -> Result<(), Fault> {
    let wanted = RmpoptBase::on(first);
    if base == wanted || base.enabled() && core.refused(first) {
        core.note(Asked::On(first), base);
        return Ok(());
    }
    let written = rmpopt::set_base(on, wanted);
    if written == Err(Fault::Initialising) {
        return written;
    }
    let after = rmpopt::base(on)?;
    if !after.enabled() {
        core.note(Asked::Nothing, after);
        return Err(written.err().unwrap_or(Fault::InvalidOpcode));
    }
    if after != wanted {
        core.set_refused(Some(first));
    }
    core.note(Asked::On(first), after);
    if after != base {
        // A core that was off, or whose window has moved, has nothing.
        core.table().wipe();
        core.set_known(true);
    }
    Ok(())
}

/// Moves the window of the core of `cpu`, which is on; tells whether the processor has kept it from
/// moving. Whatever it says, what is read afterwards is noted.
///
/// A core that could not be reached gets its window before its next RMPOPT, and so does one while SNP is
/// being initialised, which clears RMPOPT_BASE anyhow.
///
/// In thread context on `cpu`.
pub(crate) fn move_window(machine: &Machine, cpu: Cpu, first: Region) -> bool {
    let Some((_, entry)) = machine.core_of(cpu) else {
        return false;
    };
    let core = &entry.core;
    let moved = OnCpu::exactly(cpu, |on| {
        let before = rmpopt::base(on)?;
        let wanted = RmpoptBase::on(first);
        if !before.enabled() || before == wanted {
            return Ok(true);
        }
        if rmpopt::set_base(on, wanted) == Err(Fault::Initialising) {
            return Ok(true);
        }
        let after = rmpopt::base(on)?;
        let asked = match core.asked() {
            Asked::On(_) if after == wanted => Asked::On(first),
            asked => asked,
        };
        core.note(asked, after);
        if after != before {
            core.table().wipe();
            core.set_known(true);
        }
        Ok::<_, Fault>(after == wanted)
    });
    !matches!(moved, None | Some(Ok(true)))
}

/// Attempts to switch RMPOPT off on the core that the caller is on, if it was us who had switched it on.
///
/// What is read afterwards is noted: while SNP is on the processor may keep RMPOPT_EN, and with it the
/// table. A fault is no news: what is read counts. While SNP is being initialised nothing is written, and
/// nothing noted.
pub(crate) fn switch_off(machine: &Machine, on: &OnCpu) {
    let Some((_, entry)) = machine.core_of(on.cpu()) else {
        return;
    };
    let core = &entry.core;
    if !core.state().to_switch_off() {
        return;
    }
    let rest = core.rest();
    let Ok(before) = rmpopt::base(on) else {
        return;
    };
    // Cleared by somebody else: no write, which may come too early, before the end of SNP_INIT.
    let write = before != rest && (before.enabled() || rest.enabled());
    if write && rmpopt::set_base(on, rest) == Err(Fault::Initialising) {
        return;
    }
    let Ok(after) = rmpopt::base(on) else {
        return;
    };
    if rest.enabled() {
        // It was taken over from the kernel, and is the kernel's again.
        core.mend();
        core.note(Asked::Nothing, after);
        core.set_owner(Owner::Kernel);
        core.set_known(false);
        return;
    }
    if !after.enabled() {
        return core.set_off();
    }
    core.mend();
    core.note(Asked::Off, after);
}

/// `cpu` goes offline. The last thread of a core takes RMPOPT along, where the processor lets it, as
/// nobody could switch it off later.
///
/// In thread context on `cpu`, under the hotplug lock.
pub(crate) fn leave(machine: &Machine, cpu: Cpu) {
    let Some((index, entry)) = machine.core_of(cpu) else {
        return;
    };
    if machine.cpus_of(index).all(|other| other == cpu) {
        entry.core.set_leaving(true);
        OnCpu::exactly(cpu, |on| switch_off(machine, on));
        // What a sleeping core keeps is asked for when it is back.
        entry.core.set_known(false);
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
