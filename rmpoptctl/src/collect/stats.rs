// SPDX-License-Identifier: GPL-2.0

//! `stats`: sums since the module was loaded.

use super::{
    lines::{number, two, Lines},
    Root, DEBUG,
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Sums since the module was loaded, as debugfs `stats` has them.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Stats {
    /// How conversions are seen.
    pub probes: String,
    /// Conversions of pages that were seen.
    pub conversions: u64,
    /// Calls that the probes had to miss.
    pub missed: u64,
    /// Passes, by reason.
    pub passes: BTreeMap<String, u64>,
    /// Regions that a leader has verified.
    pub regions_attempted: u64,
    /// Of these, optimised.
    pub regions_won: u64,
    /// Of these, held by assigned pages.
    pub regions_held: u64,
    /// Of these, held for a follower.
    pub regions_raced: u64,
    /// RMPOPT of leaders.
    pub scans: u64,
    /// RMPOPT of all cores.
    pub instructions: u64,
    /// Microseconds of passes with leaders at work.
    pub leaders_us: u64,
    /// Microseconds of passes with followers at work.
    pub followers_us: u64,
    /// Full checks.
    pub checks: u64,
    /// Counts that were put right.
    pub corrections: u64,
    /// Regions found displaced that no probe told of.
    pub missing: u64,
    /// Regions counted entry by entry.
    pub censuses: u64,
    /// Regions that one core was asked for.
    pub self_checks: u64,
    /// Passes of the kernel's own that won something.
    pub native_passes: u64,
    /// Regions that these have won.
    pub native_won: u64,
    /// Regions optimised again, by the time after their last conversion.
    pub delays: Vec<Delay>,
}

/// How many regions were optimised again within this time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Delay {
    /// Milliseconds, the least.
    pub from_ms: u64,
    /// Milliseconds, the most; none: no limit.
    pub to_ms: Option<u64>,
    /// How many regions.
    pub regions: u64,
}

impl Stats {
    /// All passes.
    pub fn all_passes(&self) -> u64 {
        self.passes.values().fold(0, |n, m| n.saturating_add(*m))
    }
}

/// Reads the file.
///
/// # Errors
///
/// It cannot be read, or a number is none.
pub fn read(root: &Root) -> Result<Stats> {
    let file = format!("{DEBUG}/stats");
    let name = root.path(&file).display().to_string();
    let text = root.text(&file)?;
    let lines = Lines::new(&name, &text);
    let mut stats = Stats {
        probes: lines.need("probes")?.to_owned(),
        conversions: lines.number("conversions")?,
        missed: lines.number_or_0("missed")?,
        regions_attempted: lines.number_or_0("regions_attempted")?,
        regions_won: lines.number_or_0("regions_won")?,
        regions_held: lines.number_or_0("regions_held")?,
        regions_raced: lines.number_or_0("regions_raced")?,
        scans: lines.number_or_0("scans")?,
        instructions: lines.number_or_0("instructions")?,
        leaders_us: lines.number_or_0("leaders_us")?,
        followers_us: lines.number_or_0("followers_us")?,
        checks: lines.number_or_0("checks")?,
        corrections: lines.number_or_0("corrections")?,
        missing: lines.number_or_0("missing")?,
        censuses: lines.number_or_0("censuses")?,
        self_checks: lines.number_or_0("self_checks")?,
        native_passes: lines.number_or_0("native_passes")?,
        native_won: lines.number_or_0("native_won")?,
        ..Stats::default()
    };
    for part in lines.need("passes")?.split_whitespace() {
        let passes = part.split_once('=').context("passes");
        let (reason, count) = passes.with_context(|| format!("{name}: \"{part}\""))?;
        let count = number(count).with_context(|| format!("{name}: passes"))?;
        stats.passes.insert(reason.to_owned(), count);
    }
    for (key, value) in lines.pairs() {
        if let Some(range) = key.strip_prefix("delay_ms ") {
            let delay = delay(range, value).with_context(|| format!("{name}: {key}"))?;
            stats.delays.push(delay);
        }
    }
    Ok(stats)
}

fn delay(range: &str, regions: &str) -> Result<Delay> {
    let regions = number(regions)?;
    if let Some(from) = range.strip_suffix('-') {
        return Ok(Delay {
            from_ms: number(from)?,
            to_ms: None,
            regions,
        });
    }
    let (from_ms, to) = two(range, "-")?;
    Ok(Delay {
        from_ms,
        to_ms: Some(to),
        regions,
    })
}
