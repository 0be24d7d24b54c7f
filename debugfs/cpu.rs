// SPDX-License-Identifier: GPL-2.0

//! `cpu/<N>`: the core of CPU N, the core's window and the regions that it has optimised.

use crate::{
    engine::{
        host::state::CoreState,
        view::{
            ranges::Ranges,
            snapshot::{
                Scope,
                Snapshot, //
            }, //
        },
        Engine,
        KEPT, //
    },
    sys::{
        cpu::Cpu,
        debugfs::Text, //
    }, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// Writes `key: value` lines; sizes are in GiB.
pub(crate) fn show(engine: &Engine, number: u32, out: &mut Text) -> Result {
    let cpu = Cpu::new(number).ok_or(ENODEV)?;
    write(engine, cpu, out)?.map_err(|_: fmt::Error| ENOMEM)
}

fn write(engine: &Engine, cpu: Cpu, out: &mut Text) -> Result<fmt::Result> {
    let survey = engine.survey();
    let Some((index, _)) = survey.topology.core_of(cpu) else {
        return Ok(writeln!(out, "state: never online"));
    };
    let snapshot = engine.snapshot(Scope::One(index))?;
    Ok(lines(&snapshot, index, out))
}

fn lines(snapshot: &Snapshot<'_>, index: usize, out: &mut Text) -> fmt::Result {
    let topology = snapshot.topology();
    let Some(entry) = topology.cores.get(index) else {
        return Ok(());
    };
    let core = &entry.core;
    let base = snapshot.base(index);
    let window = snapshot.window(index);
    let row = snapshot.row(index);
    let places = || topology.ram.iter().enumerate();
    let optimised = places()
        .filter(|(place, _)| row.test(*place))
        .map(|(_, ram)| ram.region.gib());
    let optimisable = places()
        .filter(|(place, _)| snapshot.free().test(*place))
        .filter(|(_, ram)| window.is_some_and(|w| w.covers(ram.region)));

    writeln!(
        out,
        "core: {index} (CPUs {})",
        Ranges(topology.cpus_of(index).map(Cpu::number))
    )?;
    writeln!(out, "node: {}", core.node())?;
    // For a core that was not asked or did not answer, the state with RMPOPT_BASE as last read is shown.
    let state = base.map_or_else(|| core.state(), |base| core.state_at(base));
    match (state, base) {
        (CoreState::TakenOut(fault), _) => {
            writeln!(out, "state: {} ({})", state.name(), fault.name())?
        }
        (CoreState::Kept, _) => writeln!(out, "state: {}\nkept: {KEPT}", state.name())?,
        (_, None) if snapshot.left_alone(entry) => writeln!(out, "state: skipped")?,
        (CoreState::On | CoreState::OtherWindow | CoreState::Native, None) => {
            writeln!(out, "state: no answer")?;
        }
        _ => writeln!(out, "state: {}", state.name())?,
    }
    match base {
        Some(base) => writeln!(out, "rmpopt_base: {:#018x}", base.0)?,
        None => writeln!(out, "rmpopt_base: not read")?,
    }
    match window {
        Some(window) => {
            let first = window.first.gib();
            let last = first.saturating_add(window.span).saturating_sub(1);
            writeln!(out, "window_gib: {first}-{last}")?;
        }
        None => writeln!(out, "window_gib: none")?,
    }
    let covered = places().filter(|(_, ram)| window.is_some_and(|w| w.covers(ram.region)));
    writeln!(
        out,
        "covered_gib: {} of {}",
        covered.count(),
        topology.ram.len()
    )?;
    writeln!(out, "optimised_gib: {}", optimised.clone().count())?;
    writeln!(out, "optimisable_gib: {}", optimisable.count())?;
    writeln!(out, "optimised_ranges: {}", Ranges(optimised))?;
    let last = core.last();
    writeln!(
        out,
        "last_pass: attempted {}, optimised {}",
        last.attempted, last.won
    )
}
