// SPDX-License-Identifier: GPL-2.0

//! `rmpopt-table`: on which CPUs each GiB with RAM is optimised.

use crate::{
    engine::{
        ranges::Ranges,
        status::Snapshot,
        Engine, //
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
    let snapshot = Snapshot::take(engine, |_| true)?;
    let machine = &snapshot.machine;
    for (place, ram) in machine.ram.iter().enumerate() {
        let cpus = cpu::online()
            .filter(|cpu| {
                let core = machine.core_of(*cpu);
                core.is_some_and(|(index, _)| snapshot.row(index).test(place))
            })
            .map(cpu::Cpu::number);
        let gib = ram.region.gib();
        writeln!(out, "Memory @{gib:3}GB: CPU(s): {}", Ranges(cpus)).map_err(|_| ENOMEM)?;
    }
    Ok(())
}
