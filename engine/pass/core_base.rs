// SPDX-License-Identifier: GPL-2.0

//! Writes RMPOPT_BASE of one core: opens a window, moves it, switches RMPOPT off.
//!
//! Each function reads the register back and records the value that it read: while SNP is on, the processor may
//! keep RMPOPT_EN and the base in spite of a write.

use crate::{
    engine::host::{
        per_core::Core,
        state::{
            Asked,
            CoreState,
            Owner, //
        },
        topology::Topology, //
    },
    sev::{
        addr::Region,
        msr::RmpoptBase,
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

/// Opens a window that begins at `first`, unless the core has that window or the processor has refused it before.
/// Records the value that is read afterwards. `base` is the present value of RMPOPT_BASE.
///
/// While SNP is on the processor may keep the base: then the core keeps the window that it has.
///
/// # Errors
///
/// The fault of the write, or #UD without such a fault, where RMPOPT is off afterwards. [`Fault::Initialising`]
/// while SNP is being initialised: then nothing was written or recorded.
pub(super) fn open_window(
    on: &OnCpu,
    core: &Core,
    base: RmpoptBase,
    first: Region,
) -> Result<(), Fault> {
    let wanted = RmpoptBase::on(first);
    if base == wanted || base.enabled() && core.refused(first) {
        core.record(Asked::On(first), base);
        return Ok(());
    }
    let written = rmpopt::set_base(on, wanted);
    if written == Err(Fault::Initialising) {
        return written;
    }
    let after = rmpopt::base(on)?;
    if !after.enabled() {
        core.record(Asked::Nothing, after);
        return Err(written.err().unwrap_or(Fault::InvalidOpcode));
    }
    if after != wanted {
        core.set_refused(Some(first));
    }
    core.record(Asked::On(first), after);
    if after != base {
        core.begin_empty();
    }
    Ok(())
}

/// Moves the window of the core of `cpu` to `first`, if the core is on. Returns whether the processor refused the
/// move. Records the value that is read afterwards in either case.
///
/// Returns `false` also where the core could not be reached and while SNP is being initialised, which clears
/// RMPOPT_BASE: the core gets its window before its next RMPOPT.
///
/// In thread context on `cpu`.
pub(crate) fn move_window(topology: &Topology, cpu: Cpu, first: Region) -> bool {
    let Some((_, entry)) = topology.core_of(cpu) else {
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
        core.record(asked, after);
        if after != before {
            core.begin_empty();
        }
        Ok::<_, Fault>(after == wanted)
    });
    !matches!(moved, None | Some(Ok(true)))
}

/// Attempts to switch RMPOPT off on the calling core, if the module had switched it on.
///
/// Records the value that is read afterwards: while SNP is on the processor may keep RMPOPT_EN, and with it the
/// table. A fault of the write is ignored. While SNP is being initialised nothing is written or recorded.
pub(crate) fn switch_off(topology: &Topology, on: &OnCpu) {
    let Some((_, entry)) = topology.core_of(on.cpu()) else {
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
    // Where somebody else has cleared the register, nothing is written: an initialisation of SNP may have done
    // it, and before the end of SNP_INIT nobody may write.
    let write = before != rest && (before.enabled() || rest.enabled());
    if write && rmpopt::set_base(on, rest) == Err(Fault::Initialising) {
        return;
    }
    let Ok(after) = rmpopt::base(on) else {
        return;
    };
    if rest.enabled() {
        // The module had taken the register over from the kernel, and gives it back.
        core.clear_fault();
        core.record(Asked::Nothing, after);
        core.set_owner(Owner::Kernel);
        core.set_known(false);
        return;
    }
    if !after.enabled() {
        return core.record_off();
    }
    core.clear_fault();
    core.record(Asked::Off, after);
}

/// Handles that SNP is off. Attempts to switch RMPOPT off on the calling core where the module owns RMPOPT_BASE: a
/// shutdown of SNP may have left RMPOPT enabled, and nobody else would clear it later. Records the value that is
/// read afterwards, and that nothing is known of the core's regions.
///
/// # Errors
///
/// The fault of a read; then nothing was recorded.
pub(super) fn leave_snp(on: &OnCpu, core: &Core) -> Result<(), Fault> {
    let ours = core.owner() == Owner::Module;
    if ours && rmpopt::base(on)?.enabled() {
        // The value that is read afterwards tells what came of the write.
        let _ = rmpopt::set_base(on, RmpoptBase::OFF);
    }
    let after = rmpopt::base(on)?;
    let asked = if ours && after.enabled() {
        Asked::Off
    } else {
        Asked::Nothing
    };
    core.clear_fault();
    core.record(asked, after);
    core.forget_all();
    Ok(())
}

/// Looks whether somebody has cleared RMPOPT_BASE on the core of `cpu`, records that, and returns whether it was
/// cleared. A core that was taken out is looked at, too: an initialisation of SNP clears its RMPOPT_BASE as well.
///
/// In thread context on `cpu`.
pub(crate) fn find_cleared(topology: &Topology, cpu: Cpu) -> bool {
    let Some((_, entry)) = topology.core_of(cpu) else {
        return false;
    };
    let was_on = match entry.core.state() {
        CoreState::TakenOut(_) => entry.core.is_on(),
        state => state.works() || state == CoreState::Kept,
    };
    if !was_on {
        return false;
    }
    let enabled = OnCpu::exactly(cpu, |on| rmpopt::base(on).is_ok_and(|base| base.enabled()));
    let cleared = enabled == Some(false);
    if cleared {
        entry.core.record_off();
    }
    cleared
}

/// Looks whether the kernel has enabled RMPOPT on the core of `cpu`, records that, and returns whether RMPOPT is
/// enabled.
///
/// In thread context on `cpu`.
pub(crate) fn find_enabled(topology: &Topology, cpu: Cpu) -> bool {
    let Some((_, entry)) = topology.core_of(cpu) else {
        return false;
    };
    let enabled = OnCpu::exactly(cpu, |on| {
        let base = rmpopt::base(on).ok().filter(|base| base.enabled())?;
        entry.core.record(Asked::Nothing, base);
        Some(())
    });
    enabled == Some(Some(()))
}

/// Handles that `cpu` goes offline. If `cpu` is the last online thread of its core, RMPOPT is switched off where
/// the processor allows that: with no thread online nobody could do it later.
///
/// In thread context on `cpu`, under the hotplug lock.
pub(crate) fn leave(topology: &Topology, cpu: Cpu) {
    let Some((index, entry)) = topology.core_of(cpu) else {
        return;
    };
    if topology.cpus_of(index).all(|other| other == cpu) {
        entry.core.set_leaving(true);
        OnCpu::exactly(cpu, |on| switch_off(topology, on));
        // The core may keep its table while it is offline: it is asked when it comes back.
        entry.core.set_known(false);
    }
}

/// Handles that `cpu` has come online.
///
/// In thread context, under the hotplug lock.
pub(crate) fn arrive(topology: &Topology, cpu: Cpu) {
    if let Some((_, entry)) = topology.core_of(cpu) {
        entry.core.set_leaving(false);
    }
}
