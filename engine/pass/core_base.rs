// SPDX-License-Identifier: GPL-2.0

//! RMPOPT_BASE of one core: set, moved, switched off, and what was read afterwards.
//!
//! What is read is the truth: while SNP is on the processor may keep RMPOPT_EN and the base.

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

/// Opens a window from `first` on, unless the core has it or has refused it before. What is read
/// afterwards is recorded.
///
/// The processor may keep the base where it is while SNP is on: then the core goes on with the window
/// that it has.
///
/// # Errors
///
/// The fault of the write, or #UD, where RMPOPT is off afterwards; [`Fault::Initialising`], where nothing
/// was written and nothing is recorded.
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

/// Moves the window of the core of `cpu`, if it is on; tells whether the processor has kept it from
/// moving. What is read afterwards is recorded in either case.
///
/// A core that could not be reached gets its window before its next RMPOPT, and so does one while SNP is
/// being initialised, which clears RMPOPT_BASE anyhow.
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

/// Attempts to switch RMPOPT off on the core that the caller is on, if the module had switched it on.
///
/// What is read afterwards is recorded: while SNP is on the processor may keep RMPOPT_EN, and with it the
/// table. A fault of the write is no news. While SNP is being initialised nothing is written, and nothing
/// recorded.
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
    // Where somebody else has cleared it nothing is written: before the end of SNP_INIT nobody may.
    let write = before != rest && (before.enabled() || rest.enabled());
    if write && rmpopt::set_base(on, rest) == Err(Fault::Initialising) {
        return;
    }
    let Ok(after) = rmpopt::base(on) else {
        return;
    };
    if rest.enabled() {
        // It was taken over from the kernel, and is the kernel's again.
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

/// Looks whether the core of `cpu` still has the RMPOPT_BASE that was set; records it where not.
///
/// Tells whether it was cleared. In thread context on `cpu`.
pub(crate) fn find_cleared(topology: &Topology, cpu: Cpu) -> bool {
    let Some((_, entry)) = topology.core_of(cpu) else {
        return false;
    };
    let state = entry.core.state();
    if !state.works() && state != CoreState::Kept {
        return false;
    }
    let enabled = OnCpu::exactly(cpu, |on| rmpopt::base(on).is_ok_and(|base| base.enabled()));
    let cleared = enabled == Some(false);
    if cleared {
        entry.core.record_off();
    }
    cleared
}

/// `cpu` goes offline. With the last thread of a core RMPOPT is switched off, where the processor lets it
/// be, as nobody could do that later.
///
/// In thread context on `cpu`, under the hotplug lock.
pub(crate) fn leave(topology: &Topology, cpu: Cpu) {
    let Some((index, entry)) = topology.core_of(cpu) else {
        return;
    };
    if topology.cpus_of(index).all(|other| other == cpu) {
        entry.core.set_leaving(true);
        OnCpu::exactly(cpu, |on| switch_off(topology, on));
        // What a core keeps while it is offline is asked for when it is back.
        entry.core.set_known(false);
    }
}

/// `cpu` has come online.
///
/// In thread context, under the hotplug lock.
pub(crate) fn arrive(topology: &Topology, cpu: Cpu) {
    if let Some((_, entry)) = topology.core_of(cpu) {
        entry.core.set_leaving(false);
    }
}
