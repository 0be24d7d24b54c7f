// SPDX-License-Identifier: GPL-2.0

//! `status`: the module's role, and the number of cores in each state.

use crate::{
    engine::{
        host::state::CoreState,
        Engine,
        KEPT, //
    },
    sys::{
        debugfs::Text,
        insn::Fault, //
    }, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// All states of cores, in the order of their lines.
const STATES: [CoreState; 7] = [
    CoreState::On,
    CoreState::OtherWindow,
    CoreState::Native,
    CoreState::Kept,
    CoreState::Cleared,
    CoreState::TakenOut(Fault::InvalidOpcode),
    CoreState::Off,
];

/// Writes `key: value` lines. The states of cores are those with RMPOPT_BASE as last read; no core is asked.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    write(engine, out).map_err(|_| ENOMEM)
}

fn write(engine: &Engine, out: &mut Text) -> fmt::Result {
    let survey = engine.survey();
    let topology = &survey.topology;
    let cores = |name: &str| {
        let states = topology.cores.iter().map(|entry| entry.core.state());
        states.filter(|state| state.name() == name).count()
    };
    writeln!(out, "role: {}", engine.role_name())?;
    writeln!(out, "enabled: {}", u8::from(engine.enabled()))?;
    for state in STATES {
        let count = cores(state.name());
        if count != 0 {
            writeln!(out, "cores {}: {count}", state.name())?;
        }
    }
    if cores(CoreState::Kept.name()) != 0 {
        writeln!(out, "kept: {KEPT}")?;
    }
    match topology.not_covered() {
        Some(count) => writeln!(out, "not_covered_gib: {count} of {}", topology.ram.len()),
        None => writeln!(out, "not_covered_gib: -"),
    }
}
