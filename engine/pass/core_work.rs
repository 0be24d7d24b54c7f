// SPDX-License-Identifier: GPL-2.0

//! The work of one core in a pass or check, executed on the core itself.

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

/// A core at work. Its representative executes the work.
pub(super) struct CoreWork<'a> {
    order: &'a Order<'a>,
    survey: &'a Survey,
    core: &'a Core,
    cpu: Cpu,
    /// The core's window, which does not change during a pass.
    window: Option<Window>,
    /// When the current slice began.
    slice: Cell<Instant<Monotonic>>,
}

/// How long a core backs off the first time, in microseconds: about as long as a few RMPOPT take.
const SHORTEST_DELAY: u64 = 50;
/// How often the delay doubles at most.
const DOUBLINGS: u32 = 3;

/// How often in a row RMPOPT_BASE may be found cleared at work. One more time, and the core is taken out.
const CLEARINGS: u32 = 3;

impl<'a> CoreWork<'a> {
    /// Begins to work on `cpu`: opens the core's window, and asks the core for its regions if they are not known.
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

    /// Records that the core has completed a pass.
    pub(super) fn record_complete(&self) {
        self.core.set_complete(true);
    }

    /// Records that the core has finished its work.
    pub(super) fn record_success(&self) {
        self.core.record_success();
    }

    /// Sets RMPOPT_BASE to the window that the core is to have, as far as the processor allows it.
    fn set_base(&self) -> Result<(), Stop> {
        // Preemption is off in the closure: it must not sleep.
        let result = self.on_core(|on| {
            // The core's hotplug callback runs on this CPU too, and so cannot run during this closure.
            if self.core.leaving() {
                return Ok(Err(Stop::Moved));
            }
            let base = rmpopt::base(on)?;
            let on_before = matches!(self.core.state(), CoreState::On | CoreState::OtherWindow);
            if on_before && !base.enabled() {
                // Somebody has cleared the register since the last pass, as an initialisation of SNP does.
                self.core.record_off();
                return Ok(Err(Stop::Cleared));
            }
            self.core.set_owner(self.order.owner);
            if self.order.owner == Owner::Kernel {
                self.core.record(Asked::Nothing, base);
                // Where RMPOPT is off the kernel may switch it on later; the thread looks for that.
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

    /// Asks the core for all regions that it has optimised, because it was on before the module asked it. Nothing
    /// is scanned.
    fn ask_for_all(&self) -> Result<(), Stop> {
        self.core.table().wipe();
        for ram in self.survey.topology.ram.iter() {
            let Some(offset) = self.offset(ram.region) else {
                continue;
            };
            // `abort` does not end this loop: the files show the answers also while `enabled` is off.
            self.end_slice();
            if self.on_core(|on| rmpopt::query(on, ram.region))? {
                self.core.table().set(offset);
            }
        }
        self.core.set_known(true);
        Ok(())
    }

    /// Lets other tasks have the core if the slice is over.
    fn end_slice(&self) {
        let slice = Delta::from_micros(self.order.settings.slice_us().into());
        if self.slice.get().elapsed() >= slice {
            give_way();
            self.slice.set(Instant::now());
        }
    }

    /// Runs `f` on the core. Where `f` faults and the fault is the core's own, takes the core out.
    fn on_core<R>(&self, f: impl FnOnce(&OnCpu) -> Result<R, Fault>) -> Result<R, Stop> {
        match OnCpu::exactly(self.cpu, f) {
            None => Err(Stop::Moved),
            Some(Ok(result)) => Ok(result),
            Some(Err(fault)) => Err(self.judge(fault)),
        }
    }

    /// Handles a fault: it may come from a change of SNP, which concerns all cores, or be this core's own, which
    /// takes the core out.
    fn judge(&self, fault: Fault) -> Stop {
        if fault == Fault::Initialising {
            // The thread sees the initialisation too, and orders an attempt on all regions.
            return Stop::Cleared;
        }
        let still_on = OnCpu::exactly(self.cpu, |on| {
            let snp = probe::syscfg(on).is_ok_and(|syscfg| syscfg.snp_enabled());
            let base = rmpopt::base(on).is_ok_and(|base| base.enabled());
            (snp, base)
        });
        match (still_on, fault) {
            (None, _) => return Stop::Moved,
            // The core's last thread goes offline, and has switched RMPOPT off.
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
                "CPU {}: {} from RMPOPT; its core is {} until SNP is initialised again or \"enabled\" is set anew\n",
                self.cpu.number(),
                fault.name(),
                CoreState::TakenOut(fault).name()
            );
        }
        Stop::Faulted
    }

    /// Handles that SNP is off: the core is switched off and not taken out.
    fn find_snp_off(&self) -> Stop {
        // A core that is not reached is switched off by the thread when it finds that SNP is off.
        OnCpu::exactly(self.cpu, |on| core_base::leave_snp(on, self.core));
        self.order.events.core_cleared();
        Stop::Cleared
    }

    /// Handles that somebody else has cleared RMPOPT_BASE while SNP is on.
    fn find_cleared(&self) -> Stop {
        self.core.record_cleared();
        self.order.events.core_cleared();
        Stop::Cleared
    }

    /// The region at a place in the list of RAM.
    fn ram(&self, place: usize) -> Option<&RamRegion> {
        self.survey.topology.ram.get(place)
    }

    /// A region's place in the core's table.
    fn offset(&self, region: Region) -> Option<usize> {
        Some(self.window?.offset(region)? as usize)
    }

    /// The place in the core's table of the region at `place` in the list of RAM.
    fn offset_at(&self, place: usize) -> Option<usize> {
        self.offset(self.ram(place)?.region)
    }
}

impl CoreOps for CoreWork<'_> {
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop> {
        let Some(ram) = self.ram(place) else {
            return Ok(CoreAnswer::Held);
        };
        // The processor may have kept this core's window elsewhere: other cores attempt the regions outside it.
        let Some(offset) = self.offset(ram.region) else {
            return Ok(CoreAnswer::Busy);
        };
        // The core claims and releases the region with preemption off: no other core waits long for a claim.
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
