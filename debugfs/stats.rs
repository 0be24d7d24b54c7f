// SPDX-License-Identifier: GPL-2.0

//! `stats`: what passes did since the module was loaded.

use crate::{
    engine::{
        dirty::due::POLL_MS,
        stats::{
            Reason,
            Stats, //
        },
        Engine, //
    },
    sys::{
        debugfs::Text,
        probe::{
            self,
            Kind, //
        }, //
    }, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// Writes `key: value` lines.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    write(engine, &engine.stats(), out).map_err(|_| ENOMEM)
}

fn write(engine: &Engine, stats: &Stats, out: &mut Text) -> fmt::Result {
    match engine.probes() {
        Some(Kind::Direct) => writeln!(out, "probes: direct")?,
        Some(Kind::Fprobe) => writeln!(out, "probes: fprobe")?,
        None => writeln!(out, "probes: none, polling every {} s", POLL_MS / 1000)?,
    }
    let conversions = engine.conversions();
    writeln!(out, "conversions: {conversions}")?;
    writeln!(out, "missed: {}", probe::missed())?;
    write!(out, "passes:")?;
    for reason in Reason::ALL {
        write!(out, " {}={}", reason.name(), stats.passes(reason))?;
    }
    writeln!(out)?;
    writeln!(out, "regions_attempted: {}", stats.attempted)?;
    writeln!(out, "regions_won: {}", stats.won)?;
    writeln!(out, "regions_held: {}", stats.held)?;
    writeln!(out, "regions_raced: {}", stats.raced)?;
    writeln!(out, "scans: {}", stats.scans)?;
    writeln!(out, "instructions: {}", stats.instructions)?;
    writeln!(out, "leaders_us: {}", stats.leaders_ns / 1000)?;
    writeln!(out, "followers_us: {}", stats.followers_ns / 1000)?;
    writeln!(out, "checks: {}", stats.checks)?;
    writeln!(out, "corrections: {}", stats.corrections)?;
    writeln!(out, "missing: {}", stats.missing)?;
    writeln!(out, "censuses: {}", stats.censuses)?;
    writeln!(out, "self_checks: {}", stats.self_checks)?;
    writeln!(out, "native_passes: {}", stats.native_passes)?;
    writeln!(out, "native_won: {}", stats.native_won)?;
    let mut from = 0;
    for (below, count) in stats.delays.buckets() {
        match below {
            Some(below) => {
                if count != 0 {
                    writeln!(out, "delay_ms {from}-{}: {count}", below.saturating_sub(1))?;
                }
                from = below;
            }
            None if count != 0 => writeln!(out, "delay_ms {from}-: {count}")?,
            None => (),
        }
    }
    Ok(())
}
