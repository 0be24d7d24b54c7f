// SPDX-License-Identifier: GPL-2.0

//! The thread's cheap check whether somebody has cleared the cores. The thread reads RMPOPT_BASE of the core on
//! which it runs, and asks that core for one region that the core must have. No other core is disturbed.

use crate::{
    engine::{
        dirty::DirtyRegions,
        pass::{
            core_base,
            survey::Survey, //
        }, //
    },
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
    }, //
};

/// The result of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelfCheck {
    /// Nothing is missing.
    Intact,
    /// SNP is off, or this core's RMPOPT_BASE was cleared. RMPOPT_BASE of the other cores may be cleared too.
    Cleared,
    /// This core lacks a region although no conversion has displaced it: all cores have to be asked.
    Missing,
}

/// Without probes the check reports [`SelfCheck::Missing`] from this number of missing regions on: guests may
/// have taken fewer regions without notice.
const UNSEEN: u32 = 4;

/// Checks the current core. In thread context on any CPU. `after` is the place of the region that the last check
/// asked for: each check asks for the next region.
pub(super) fn run(dirty: &DirtyRegions, survey: &Survey, after: &mut usize) -> SelfCheck {
    let topology = &survey.topology;
    let cpu = Cpu::current();
    let Some((_, entry)) = topology.core_of(cpu) else {
        return SelfCheck::Intact;
    };
    if core_base::find_cleared(topology, cpu) {
        return SelfCheck::Cleared;
    }
    // A core that is off or taken out has nothing that could be missing.
    if !entry.core.state().works() {
        return SelfCheck::Intact;
    }
    let Some(window) = entry.core.window() else {
        return SelfCheck::Intact;
    };
    let has = |place: &usize| {
        let region = topology.ram.get(*place).map(|ram| ram.region);
        let offset = region.and_then(|region| window.offset(region));
        offset.is_some_and(|offset| entry.core.table().test(offset as usize))
    };
    let free = survey.sets.free();
    let mut missing = 0u32;
    for place in free.iter_from(after.saturating_add(1)).filter(has) {
        *after = place;
        let Some(ram) = topology.ram.get(place) else {
            continue;
        };
        let before = dirty.undisturbed(ram.region);
        if before.is_none() && dirty.probed() {
            continue;
        }
        dirty.count_self_check();
        let Some(answer) = OnCpu::exactly(cpu, |on| rmpopt::query(on, ram.region)) else {
            return SelfCheck::Intact;
        };
        match answer {
            Ok(true) | Err(Fault::Initialising) => return SelfCheck::Intact,
            Ok(false) if dirty.undisturbed(ram.region) != before => continue,
            Ok(false) if dirty.probed() => return SelfCheck::Missing,
            Ok(false) => {
                missing = missing.saturating_add(1);
                if missing == UNSEEN {
                    return SelfCheck::Missing;
                }
            }
            Err(_) => {
                let snp = OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled());
                let cleared = !snp || core_base::find_cleared(topology, cpu);
                // Where only this core faults, the check of all cores takes it out.
                return if cleared {
                    SelfCheck::Cleared
                } else {
                    SelfCheck::Missing
                };
            }
        }
    }
    // The core should have fewer than UNSEEN regions, and all of them are missing.
    if missing != 0 {
        return SelfCheck::Missing;
    }
    SelfCheck::Intact
}
