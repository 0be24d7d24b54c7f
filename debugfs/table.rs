// SPDX-License-Identifier: GPL-2.0

//! `rmpopt-table`: on which CPUs each GiB with RAM is optimised; without RMPOPT, whether it could be optimised.

use crate::{
    engine::{
        census::count::Depth,
        host::state::Owner,
        view::{
            ranges::Ranges,
            snapshot::Scope, //
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
    }, //
};
use core::fmt::Write;
use kernel::prelude::*;

/// Writes one line per GiB, in the format of AMD's patches.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    match engine.role() {
        // No region can be optimised on such a host.
        Role::Observe(ObserveReason::NoRmpopt | ObserveReason::ContiguousRmp) => {
            show_what_could_be(engine, out)
        }
        Role::Optimise | Role::Native => show_what_is(engine, out),
    }
}

/// Writes the lines for a host without RMPOPT: the CPU list is always `none`, followed by what RMPOPT would find.
fn show_what_could_be(engine: &Engine, out: &mut Text) -> Result {
    let mut occupancy = match engine.occupancy() {
        Ok(occupancy) => Some(occupancy),
        // While SNP is off the RMP's entries cannot be read.
        Err(e) if e == ENODEV => None,
        Err(e) => return Err(e),
    };
    for ram in engine.survey().topology.ram.iter() {
        let gib = ram.region.gib();
        write!(out, "Memory @{gib:3}GB: CPU(s): none ").map_err(|_| ENOMEM)?;
        let held = match &mut occupancy {
            Some(occupancy) => Some(occupancy.region(ram.region, Depth::First)?.1),
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
    let snapshot = engine.snapshot(Scope::All)?;
    let topology = snapshot.topology();
    // Where the kernel owns the windows, no core can optimise a region outside them: such regions are marked.
    let kernels = engine.owner() == Owner::Kernel;
    let covers = |core: usize, region| {
        let window = snapshot.window(core);
        window.is_some_and(|window| window.covers(region))
    };
    let covered = |region| (0..topology.cores.len()).any(|core| covers(core, region));
    for (place, ram) in topology.ram.iter().enumerate() {
        let cpus = cpu::online()
            .filter(|cpu| {
                let core = topology.core_of(*cpu);
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
