// SPDX-License-Identifier: GPL-2.0

//! `regions`: what is known of each GiB with RAM, and what its RMP entries say.

use crate::{
    engine::{
        dirt::RegionState,
        machine::Machine,
        occupancy::Survey,
        tracker::Pages,
        Engine, //
    },
    sys::debugfs::Text, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// A head line, then one line per region; columns are separated by spaces.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    let machine = engine.machine();
    let mut survey = Survey::new(engine).ok();
    let ready = engine.snp_ready();
    let head = "gib state counted guest firmware converted_ms attempted_ms result";
    writeln!(out, "{head}").map_err(|_| ENOMEM)?;
    for (place, ram) in machine.ram.iter().enumerate() {
        let Some(mut known) = engine.dirt.region(ram.region) else {
            continue;
        };
        known.optimised &= ready;
        // An optimised region has no assigned pages: there is nothing to count.
        let owners = match &mut survey {
            _ if known.optimised => Some((0, 0)),
            None => None,
            Some(survey) => {
                let (tally, _) = engine.census(survey, ram.region)?;
                known = engine.dirt.region(ram.region).unwrap_or(known);
                Some((tally.guest, tally.firmware))
            }
        };
        let gib = ram.region.gib();
        let state = match state(&machine, place, &known) {
            // SNP_INIT clears the cores' tables.
            "optimised" if !ready => "open",
            state => state,
        };
        line(out, gib, state, &known, owners).map_err(|_| ENOMEM)?;
    }
    Ok(())
}

/// What the region is now, as far as is known.
fn state(machine: &Machine, place: usize, known: &RegionState) -> &'static str {
    let board = machine.board();
    match known.pages {
        Pages::Known(1..) => "held",
        _ if known.changed => "queued",
        _ if board.free.test(place) => "optimised",
        _ if board.held.test(place) => "held",
        _ => "open",
    }
}

fn line(
    out: &mut Text,
    gib: u32,
    state: &str,
    known: &RegionState,
    owners: Option<(u32, u32)>,
) -> fmt::Result {
    write!(out, "{gib} {state} ")?;
    match known.pages {
        Pages::Unknown => write!(out, "-")?,
        Pages::Known(pages) => write!(out, "{pages}")?,
    }
    match owners {
        Some((guest, firmware)) => write!(out, " {guest} {firmware}")?,
        None => write!(out, " - -")?,
    }
    for ago in [known.converted, known.attempted] {
        match ago {
            Some(ms) => write!(out, " {ms}")?,
            None => write!(out, " -")?,
        }
    }
    writeln!(out, " {}", known.fate.name())
}
