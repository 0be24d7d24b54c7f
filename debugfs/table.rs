// SPDX-License-Identifier: GPL-2.0

//! `rmpopt-table`: on which CPUs each GiB with RAM is optimised, or whether it could be.

use crate::{
    engine::{
        census::Depth,
        occupancy::Survey,
        ranges::Ranges,
        state::Owner,
        status::{
            window_of,
            Asked,
            Snapshot, //
        },
        Engine, //
    },
    sev::assess::{
        ObserveReason,
        Role, //
    },
    sys::{
        cpu,
        debugfs::Text, //
    },
};
use core::fmt::Write;
use kernel::prelude::*;

/// One line per GiB, in the format that AMD's patches published.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    match engine.role {
        // Nobody can have optimised anything.
        Role::Observe(ObserveReason::NoRmpopt | ObserveReason::ContiguousRmp) => {
            show_what_could_be(engine, out)
        }
        Role::Optimise | Role::Native => show_what_is(engine, out),
    }
}

/// The same lines where there is no RMPOPT: the CPU list is always `none`, and behind it stands what
/// RMPOPT would find.
fn show_what_could_be(engine: &Engine, out: &mut Text) -> Result {
    let mut survey = match Survey::new(engine) {
        Ok(survey) => Some(survey),
        // While SNP is off nothing is checked and nothing is known.
        Err(e) if e == ENODEV => None,
        Err(e) => return Err(e),
    };
    for ram in engine.machine().ram.iter() {
        let gib = ram.region.gib();
        write!(out, "Memory @{gib:3}GB: CPU(s): none ").map_err(|_| ENOMEM)?;
        let held = match &mut survey {
            Some(survey) => Some(survey.region(ram.region, Depth::First)?.1),
            None => None,
        };
        match held {
            Some(held) if held.nothing() => writeln!(out, "(could be optimised)"),
            Some(held) => writeln!(out, "(held by {held})"),
            None => writeln!(out, "(SNP is off)"),
        }
        .map_err(|_| ENOMEM)?;
    }
    Ok(())
}

fn show_what_is(engine: &Engine, out: &mut Text) -> Result {
    let snapshot = Snapshot::take(engine, Asked::All)?;
    let machine = &snapshot.machine;
    // A window of the kernel's: nobody can do anything beyond it.
    let kernels = engine.owner() == Owner::Kernel;
    let covers = |core: usize, region| {
        let base = snapshot.base(core);
        let window = base.and_then(|base| window_of(engine, base));
        window.is_some_and(|window| window.covers(region))
    };
    let covered = |region| (0..machine.cores.len()).any(|core| covers(core, region));
    for (place, ram) in machine.ram.iter().enumerate() {
        let cpus = cpu::online()
            .filter(|cpu| {
                let core = machine.core_of(*cpu);
                core.is_some_and(|(index, _)| snapshot.row(index).test(place))
            })
            .map(cpu::Cpu::number);
        let gib = ram.region.gib();
        let note = if kernels && !covered(ram.region) {
            " (not covered)"
        } else {
            ""
        };
        writeln!(out, "Memory @{gib:3}GB: CPU(s): {}{note}", Ranges(cpus)).map_err(|_| ENOMEM)?;
    }
    Ok(())
}
