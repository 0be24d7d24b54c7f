// SPDX-License-Identifier: GPL-2.0

//! `cpu/<N>`: a CPU's core, its window and what it has optimised.

use crate::{
    engine::{
        core::State,
        ranges::Ranges,
        status::{
            left_alone,
            window_of,
            Asked,
            Snapshot, //
        },
        thread::KEPT,
        Engine, //
    },
    sys::{
        cpu::Cpu,
        debugfs::Text, //
    },
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// `key: value` lines; sizes are in GiB.
pub(crate) fn show(engine: &Engine, number: u32, out: &mut Text) -> Result {
    let cpu = Cpu::new(number).ok_or(ENODEV)?;
    write(engine, cpu, out)?.map_err(|_: fmt::Error| ENOMEM)
}

fn write(engine: &Engine, cpu: Cpu, out: &mut Text) -> Result<fmt::Result> {
    let Some(index) = engine.machine().core_of(cpu).map(|(index, _)| index) else {
        return Ok(writeln!(out, "state: never online"));
    };
    let snapshot = Snapshot::take(engine, Asked::One(index))?;
    Ok(lines(engine, &snapshot, index, out))
}

fn lines(engine: &Engine, snapshot: &Snapshot, index: usize, out: &mut Text) -> fmt::Result {
    let machine = &snapshot.machine;
    let Some(entry) = machine.cores.get(index) else {
        return Ok(());
    };
    let core = &entry.core;
    let base = snapshot.base(index);
    let window = base.and_then(|base| window_of(engine, base));
    let row = snapshot.row(index);
    let places = || machine.ram.iter().enumerate();
    let optimised = places()
        .filter(|(place, _)| row.test(*place))
        .map(|(_, ram)| ram.region.gib());
    let board = machine.board();
    let optimisable = places()
        .filter(|(place, _)| board.free.test(*place))
        .filter(|(_, ram)| window.is_some_and(|w| w.covers(ram.region)));

    writeln!(
        out,
        "core: {index} (CPUs {})",
        Ranges(machine.cpus_of(index).map(Cpu::number))
    )?;
    writeln!(out, "node: {}", core.node())?;
    // A core that was not asked, or did not answer, is what it last was.
    let state = base.map_or_else(|| core.state(), |base| core.state_at(base));
    match (state, base) {
        (State::TakenOut(fault), _) => writeln!(out, "state: {} ({})", state.name(), fault.name())?,
        (State::Kept, _) => writeln!(out, "state: {}\nkept: {KEPT}", state.name())?,
        (_, None) if left_alone(engine, entry) => writeln!(out, "state: skipped")?,
        (State::On | State::OtherWindow | State::Native, None) => {
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
        machine.ram.len()
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
