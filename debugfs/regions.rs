// SPDX-License-Identifier: GPL-2.0

//! `regions`: the state of each GiB with RAM, and its assigned pages by its RMP entries.

use crate::{
    engine::{
        dirty::tracker::Pages,
        view::regions::RegionView,
        Engine, //
    },
    sys::debugfs::Text, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// Writes a head line, then one line per region. Spaces separate the columns.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    let head = "gib state counted guest firmware converted_ms attempted_ms result";
    writeln!(out, "{head}").map_err(|_| ENOMEM)?;
    engine.for_each_region(|region| line(region, out).map_err(|_| ENOMEM))
}

fn line(view: &RegionView, out: &mut Text) -> fmt::Result {
    write!(out, "{} {} ", view.region.gib(), view.state.name())?;
    match view.counted {
        Pages::Unknown => write!(out, "-")?,
        Pages::Known(pages) => write!(out, "{pages}")?,
    }
    match view.assigned {
        Some(pages) => write!(out, " {} {}", pages.guest, pages.firmware)?,
        None => write!(out, " - -")?,
    }
    for ago in [view.converted, view.attempted] {
        match ago {
            Some(ms) => write!(out, " {ms}")?,
            None => write!(out, " -")?,
        }
    }
    writeln!(out, " {}", view.result.name())
}
