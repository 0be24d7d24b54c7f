// SPDX-License-Identifier: GPL-2.0

//! A core at work, on the core itself.

use super::{
    core_base,
    core_check::Reporter,
    core_round::{
        CoreAnswer,
        CoreOps,
        Stop, //
    },
    order::Order,
    survey::Survey, //
};
use crate::{
    engine::host::{
        per_core::Core,
        region::RamRegion,
        state::{
            Asked,
            CoreState,
            Owner, //
        },
        window::Window, //
    },
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
    }, //
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

/// A core at work, through its representative.
pub(super) struct CoreWork<'a> {
    order: &'a Order<'a>,
    survey: &'a Survey,
    core: &'a Core,
    cpu: Cpu,
    /// The core's window, which stays for the length of a pass.
    window: Option<Window>,
    /// When the slice began.
    slice: Cell<Instant<Monotonic>>,
}

/// How long a core backs off at first, in microseconds: the time of some RMPOPT.
const SHORTEST_DELAY: u64 = 50;
/// How often in a row that doubles.
const DOUBLINGS: u32 = 3;

/// How often in a row RMPOPT_BASE may be cleared at work before that counts as the core's own fault.
const CLEARINGS: u32 = 3;

impl<'a> CoreWork<'a> {
    /// Begins to work on `cpu`: sees to it that RMPOPT_BASE is what it shall be, and that it is known what
    /// the core has.
    ///
    /// In thread context on `cpu`.
    ///
    /// # Errors
    ///
    /// The reason why this core cannot work.
    pub(super) fn begin(order: &'a Order<'a>, survey: &'a Survey, cpu: Cpu) -> Result<Self, Stop> {
        let (_, entry) = survey.topology.core_of(cpu).ok_or(Stop::Moved)?;
        let mut work = Self {
            order,
            survey,
            core: &entry.core,
            cpu,
            window: None,
            slice: Cell::new(Instant::now()),
        };
        if let CoreState::TakenOut(_) = work.core.state() {
            return Err(Stop::Faulted);
        }
        let snp = work.on_core(probe::syscfg)?.snp_enabled();
        if !snp {
            return Err(work.find_snp_off());
        }
        work.set_base()?;
        work.window = work.core.window();
        if !work.core.known() {
            work.ask_for_all()?;
        }
        Ok(work)
    }

    /// Records that the core has everything that it can have.
    pub(super) fn record_complete(&self) {
        self.core.set_complete(true);
    }

    /// Records that the core has done all that was asked of it.
    pub(super) fn record_success(&self) {
        self.core.record_success();
    }

    /// Sees to it that RMPOPT_BASE is what it shall be, as far as the processor lets it.
    fn set_base(&self) -> Result<(), Stop> {
        // Preemption is off in there: nothing may sleep.
        let result = self.on_core(|on| {
            // The core's hotplug callback runs on this CPU too, and cannot come in between here.
            if self.core.leaving() {
                return Ok(Err(Stop::Moved));
            }
            let base = rmpopt::base(on)?;
            let on_before = matches!(self.core.state(), CoreState::On | CoreState::OtherWindow);
            if on_before && !base.enabled() {
                // Cleared while nobody looked, as an initialisation of SNP does.
                self.core.record_off();
                return Ok(Err(Stop::Cleared));
            }
            self.core.set_owner(self.order.owner);
            if self.order.owner == Owner::Kernel {
                self.core.record(Asked::Nothing, base);
                // Where it is off the kernel may switch it on later, which the thread notices.
                return Ok(base.enabled().then_some(()).ok_or(Stop::Asked));
            }
            if self.order.native && self.core.asked() == Asked::Nothing {
                self.core.set_rest(base);
            }
            match self.core.wanted() {
                Some(window) => core_base::open_window(on, self.core, base, window.first)?,
                None => self.core.record(self.core.asked(), base),
            }
            Ok(Ok(()))
        })?;
        if result == Err(Stop::Cleared) {
            self.order.events.core_cleared();
        }
        result
    }

    /// Asks the core for everything that it has, as it was on before anybody looked. Nothing is scanned.
    fn ask_for_all(&self) -> Result<(), Stop> {
        self.core.table().wipe();
        for ram in self.survey.topology.ram.iter() {
            let Some(offset) = self.offset(ram.region) else {
                continue;
            };
            // This is not ended early: the files show what came out while RMPOPT is not enabled.
            self.end_slice();
            if self.on_core(|on| rmpopt::query(on, ram.region))? {
                self.core.table().set(offset);
            }
        }
        self.core.set_known(true);
        Ok(())
    }

    /// Lets others have the core once the slice is over.
    fn end_slice(&self) {
        let slice = Delta::from_micros(self.order.settings.slice_us().into());
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

    /// Tells whether a fault is the end of SNP, which concerns all cores, or this core's own.
    fn judge(&self, fault: Fault) -> Stop {
        if fault == Fault::Initialising {
            // The thread sees the initialisation too, and has everything attempted again.
            return Stop::Cleared;
        }
        let still_on = OnCpu::exactly(self.cpu, |on| {
            let snp = probe::syscfg(on).is_ok_and(|syscfg| syscfg.snp_enabled());
            let base = rmpopt::base(on).is_ok_and(|base| base.enabled());
            (snp, base)
        });
        match (still_on, fault) {
            (None, _) => return Stop::Moved,
            // Its last thread goes offline, and has switched it off.
            _ if self.core.leaving() => return Stop::Moved,
            (Some((false, _)), _) => return self.find_snp_off(),
            (Some((true, false)), Fault::InvalidOpcode) if self.core.clearings() < CLEARINGS => {
                return self.find_cleared()
            }
            _ => (),
        }
        let before = self.core.take_out(fault);
        if !matches!(before, CoreState::TakenOut(_)) {
            pr_warn!(
                "CPU {}: {} from RMPOPT; its core is taken out until SNP is initialised again or \"enabled\" is set anew\n",
                self.cpu.number(),
                fault.name()
            );
        }
        Stop::Faulted
    }

    /// SNP is off, which says nothing about this core.
    fn find_snp_off(&self) -> Stop {
        // A shutdown of SNP may have left RMPOPT enabled, and nobody would clear it later.
        OnCpu::exactly(self.cpu, |on| {
            if self.core.owner() == Owner::Module
                && rmpopt::base(on).is_ok_and(|base| base.enabled())
            {
                let _ = rmpopt::set_base(on, RmpoptBase::OFF);
            }
        });
        self.core.record_off();
        self.order.events.core_cleared();
        Stop::Cleared
    }

    /// RMPOPT_BASE was cleared by somebody else while SNP is on.
    fn find_cleared(&self) -> Stop {
        self.core.record_cleared();
        self.order.events.core_cleared();
        Stop::Cleared
    }

    /// A region by its place.
    fn ram(&self, place: usize) -> Option<&RamRegion> {
        self.survey.topology.ram.get(place)
    }

    /// A region's place in the core's table.
    fn offset(&self, region: Region) -> Option<usize> {
        Some(self.window?.offset(region)? as usize)
    }

    /// The same for the region at a place.
    fn offset_at(&self, place: usize) -> Option<usize> {
        self.offset(self.ram(place)?.region)
    }
}

impl CoreOps for CoreWork<'_> {
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop> {
        let Some(ram) = self.ram(place) else {
            return Ok(CoreAnswer::Held);
        };
        // A core whose window did not move as planned leaves to others what it cannot reach.
        let Some(offset) = self.offset(ram.region) else {
            return Ok(CoreAnswer::Busy);
        };
        // Claimed and released without being preempted in between: nobody waits long for a claim.
        let won = self.on_core(|on| {
            let claim = self.survey.sets.claim(place);
            claim
                .map(|_claim| rmpopt::optimise(on, ram.region))
                .transpose()
        })?;
        let Some(won) = won else {
            return Ok(CoreAnswer::Busy);
        };
        if won {
            self.core.table().set(offset);
            Ok(CoreAnswer::Optimised)
        } else {
            self.core.table().clear(offset);
            Ok(CoreAnswer::Held)
        }
    }

    fn yield_point(&self) -> Result<(), Stop> {
        if self.order.aborting() {
            return Err(Stop::Asked);
        }
        self.end_slice();
        Ok(())
    }

    fn back_off(&self, times: u32) -> Result<(), Stop> {
        cpu::sleep_us(SHORTEST_DELAY << times.saturating_sub(1).min(DOUBLINGS));
        if self.order.aborting() {
            return Err(Stop::Asked);
        }
        Ok(())
    }

    fn lacks(&self, place: usize) -> bool {
        self.offset_at(place)
            .is_some_and(|offset| !self.core.table().test(offset))
    }
}

impl Reporter for CoreWork<'_> {
    fn has(&self, place: usize) -> bool {
        self.offset_at(place)
            .is_some_and(|offset| self.core.table().test(offset))
    }

    fn report(&self, place: usize) -> Result<bool, Stop> {
        let Some(ram) = self.ram(place) else {
            return Ok(false);
        };
        let has = self.on_core(|on| rmpopt::query(on, ram.region))?;
        if let Some(offset) = self.offset(ram.region).filter(|_| !has) {
            self.core.table().clear(offset);
        }
        Ok(has)
    }
}
