// SPDX-License-Identifier: GPL-2.0

//! `memory`: how much memory the engine takes.

use crate::{
    engine::{
        footprint::{
            bytes,
            Host, //
        },
        Engine, //
    },
    sys::{
        cpu,
        debugfs::Text, //
    },
};
use core::fmt::Write;
use kernel::prelude::*;

/// A host of 12 TiB with 1,024 CPUs, two for each core.
const LARGE: Host = Host {
    regions: 12 << 10,
    cores: 512,
    cpus: 1024,
};

/// `key: bytes` lines.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    let machine = engine.machine();
    let here = Host {
        regions: machine.ram.len(),
        cores: machine.cores.len(),
        cpus: cpu::limit() as usize,
    };
    write!(
        out,
        "this_host: {}\n12_tib_1024_cpus: {}\n",
        bytes(here),
        bytes(LARGE)
    )
    .map_err(|_| ENOMEM)
}
