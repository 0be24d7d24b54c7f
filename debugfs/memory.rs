// SPDX-License-Identifier: GPL-2.0

//! `memory`: how much memory the engine takes.

use crate::{
    engine::{
        footprint::{
            bytes,
            threads,
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

/// A host of 12 TiB with 1,024 CPUs, so many of them cores.
const fn large(cores: usize) -> Host {
    Host {
        regions: 12 << 10,
        cores,
        cpus: 1024,
    }
}

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
        "this_host: {}\n12_tib_1024_cpus: {}\n12_tib_1024_cores: {}\nthreads: {}\nthreads_of_512_cores: {}\n",
        bytes(here),
        bytes(large(512)),
        bytes(large(1024)),
        threads(machine.cores.iter().filter(|entry| entry.worker.exists()).count()),
        threads(512)
    )
    .map_err(|_| ENOMEM)
}
