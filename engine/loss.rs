// SPDX-License-Identifier: GPL-2.0

//! A cheap look whether everything was lost: by the core that the thread happens to be on, at its own
//! RMPOPT_BASE and at one region that it must have. Other cores notice nothing of it.

use super::{
    hands,
    machine::Machine,
    Engine, //
};
use crate::{
    sev::{
        probe,
        rmpopt, //
    },
    sys::{
        cpu::{
            Cpu,
            OnCpu, //
        },
        insn::Fault, //
    },
};

/// What the look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing is missing.
    None,
    /// SNP is off, or this core has lost RMPOPT_BASE: the others may have, too.
    Base,
    /// This core has lost a region that no conversion has taken: all cores have to be asked.
    Region,
}

/// How many regions may be missing where conversions are not seen: guests may have taken that many.
const UNSEEN: u32 = 4;

/// Looks. In thread context on any CPU. `after` is the place of the region that was asked for the last
/// time: each look asks for another one.
pub(crate) fn look(engine: &Engine, machine: &Machine, after: &mut usize) -> Loss {
    let cpu = Cpu::current();
    let Some((_, entry)) = machine.core_of(cpu) else {
        return Loss::None;
    };
    // Switched off or taken out: it has nothing to lose.
    if !entry.core.state().works() {
        return Loss::None;
    }
    if hands::find_lost(machine, cpu) {
        return Loss::Base;
    }
    let Some(window) = entry.core.window() else {
        return Loss::None;
    };
    let has = |place: &usize| {
        let region = machine.ram.get(*place).map(|ram| ram.region);
        let offset = region.and_then(|region| window.offset(region));
        offset.is_some_and(|offset| entry.core.table().test(offset as usize))
    };
    let free = machine.board().free;
    let next = free.iter_from(after.saturating_add(1)).filter(has);
    let mut missing = 0u32;
    for place in next {
        *after = place;
        let Some(ram) = machine.ram.get(place) else {
            continue;
        };
        let before = engine.dirt.undisturbed(ram.region);
        if before.is_none() && engine.dirt.probed() {
            continue;
        }
        engine.dirt.looked();
        let Some(answer) = OnCpu::exactly(cpu, |on| rmpopt::query(on, ram.region)) else {
            return Loss::None;
        };
        match answer {
            Ok(true) | Err(Fault::Initialising) => return Loss::None,
            Ok(false) if engine.dirt.undisturbed(ram.region) != before => continue,
            Ok(false) if engine.dirt.probed() => return Loss::Region,
            Ok(false) => {
                missing = missing.saturating_add(1);
                if missing == UNSEEN {
                    return Loss::Region;
                }
            }
            Err(_) => {
                let snp = OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled());
                let lost = !snp || hands::find_lost(machine, cpu);
                // Where it is this core that is broken the check finds out.
                return if lost { Loss::Base } else { Loss::Region };
            }
        }
    }
    // All that it has, if there were less than that.
    if missing != 0 {
        return Loss::Region;
    }
    Loss::None
}
