// SPDX-License-Identifier: GPL-2.0

//! `rmp/occupancy`: the assigned pages of each GiB with RAM, and what keeps it from being optimised.

use crate::{
    engine::Engine,
    sys::debugfs::Text, //
};
use core::fmt::Write;
use kernel::prelude::*;

/// Writes one line per GiB. Counting may take long: a signal ends it with EINTR.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    let mut occupancy = engine.occupancy()?;
    writeln!(out, "# GiB node  guest firmware held-by").map_err(|_| ENOMEM)?;
    for ram in engine.survey().topology.ram.iter() {
        let (pages, held) = engine.count(&mut occupancy, ram.region)?;
        writeln!(
            out,
            "{:5} {:4} {:6} {:8} {held}",
            ram.region.gib(),
            ram.node,
            pages.guest,
            pages.firmware
        )
        .map_err(|_| ENOMEM)?;
    }
    writeln!(out, "# {} RMPREAD", occupancy.rmpreads()).map_err(|_| ENOMEM)
}
