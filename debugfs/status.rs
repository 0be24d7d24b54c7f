// SPDX-License-Identifier: GPL-2.0

//! `status`: what the module does, and what has become of RMPOPT on the cores.

use crate::{
    engine::{
        core::State,
        thread::KEPT,
        Engine, //
    },
    sys::{
        debugfs::Text,
        insn::Fault, //
    },
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// All states, in the order of their lines.
const STATES: [State; 7] = [
    State::On,
    State::OtherWindow,
    State::Native,
    State::Kept,
    State::Lost,
    State::TakenOut(Fault::InvalidOpcode),
    State::Off,
];

/// `key: value` lines. What is shown of cores is what was last read of them.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    write(engine, out).map_err(|_| ENOMEM)
}

fn write(engine: &Engine, out: &mut Text) -> fmt::Result {
    let machine = engine.machine();
    let cores = |name: &str| {
        let states = machine.cores.iter().map(|entry| entry.core.state());
        states.filter(|state| state.name() == name).count()
    };
    writeln!(out, "role: {}", engine.role_name())?;
    writeln!(out, "enabled: {}", u8::from(engine.control.enabled()))?;
    for state in STATES {
        let count = cores(state.name());
        if count != 0 {
            writeln!(out, "cores {}: {count}", state.name())?;
        }
    }
    if cores(State::Kept.name()) != 0 {
        writeln!(out, "kept: {KEPT}")?;
    }
    match engine.not_covered(&machine) {
        Some(count) => writeln!(out, "not_covered_gib: {count} of {}", machine.ram.len()),
        None => writeln!(out, "not_covered_gib: -"),
    }
}
