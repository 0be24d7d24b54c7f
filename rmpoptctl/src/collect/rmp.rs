// SPDX-License-Identifier: GPL-2.0

//! `rmp/`: what CPUID and the MSRs say, how the RMP is laid out, what it holds.

use super::{
    lines::{number, Lines},
    list::{shorten, List},
    Root, DEBUG,
};
use anyhow::{anyhow, Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What CPUID and the MSRs say, as `rmp/config` has it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Config {
    /// The processor has SEV-SNP.
    pub snp: bool,
    /// ... RMPREAD.
    pub rmpread: bool,
    /// ... a segmented RMP.
    pub segmented_rmp: bool,
    /// ... RMPOPT.
    pub rmpopt: bool,
    /// How entries are read: `rmpread`, `raw` or `none`.
    pub entries_by: String,
    /// SNP is on.
    pub snp_on: bool,
    /// Each line of the file as it stands there.
    pub lines: BTreeMap<String, String>,
}

/// Reads `rmp/config`.
///
/// # Errors
///
/// It cannot be read or lacks a line.
pub fn config(root: &Root) -> Result<Config> {
    let file = format!("{DEBUG}/rmp/config");
    let name = root.path(&file).display().to_string();
    let text = root.text(&file)?;
    let lines = Lines::new(&name, &text);
    let yes = |key: &str| lines.need(key).map(|value| value == "yes");
    Ok(Config {
        snp: yes("snp")?,
        rmpread: yes("rmpread")?,
        segmented_rmp: yes("segmented_rmp")?,
        rmpopt: yes("rmpopt")?,
        entries_by: lines.need("entries_by")?.to_owned(),
        snp_on: lines.need("syscfg")?.contains("SNP on"),
        lines: lines
            .pairs()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    })
}

/// How the RMP is laid out, as `rmp/segments` has it.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Layout {
    /// `contiguous` or `segmented`.
    pub form: String,
    /// GiB that a segment can cover.
    pub segment_size: Option<String>,
    /// Segments that the processor takes.
    pub limit: Option<String>,
    /// Bookkeeping and segment table.
    pub head: Option<String>,
    /// The segments.
    pub segments: Vec<Segment>,
    /// Indices without a segment.
    pub unused: Option<List>,
    /// Faults of the layout.
    pub issues: Vec<String>,
}

/// A segment of the RMP.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Segment {
    /// Its index.
    pub index: u64,
    /// What it covers, and where its entries are, in the module's words.
    pub text: String,
}

/// Reads `rmp/segments`.
///
/// # Errors
///
/// It cannot be read, or a line is not of its form.
pub fn layout(root: &Root) -> Result<Layout> {
    let file = format!("{DEBUG}/rmp/segments");
    let name = root.path(&file).display().to_string();
    let text = root.text(&file)?;
    let mut layout = Layout::default();
    for (key, value) in Lines::new(&name, &text).pairs() {
        let value = value.to_owned();
        match key {
            "form" => layout.form = value,
            "segment_size" => layout.segment_size = Some(value),
            "limit" => layout.limit = Some(value),
            "head" => layout.head = Some(value),
            "unused" => {
                let unused = List::parse(&value);
                layout.unused = Some(unused.with_context(|| format!("{name}: unused"))?);
            }
            "issue" => layout.issues.push(value),
            _ => {
                if let Some(index) = key.strip_prefix("segment ") {
                    let index = number(index).with_context(|| format!("{name}: {key}"))?;
                    layout.segments.push(Segment { index, text: value });
                }
            }
        }
    }
    Ok(layout)
}

/// The assigned pages of a GiB, as `rmp/occupancy` has them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Occupancy {
    /// The GiB.
    pub gib: u32,
    /// The node of its first RAM.
    pub node: u32,
    /// 4 KiB pages of guests.
    pub guest: u64,
    /// 4 KiB pages of the firmware.
    pub firmware: u64,
    /// What keeps it from being optimised: `guest`, `firmware`, `rmp`.
    pub held_by: Vec<String>,
}

/// Reads `rmp/occupancy`; that counts the entries of all regions that hold any.
///
/// # Errors
///
/// It cannot be read (ENODEV while SNP is off), or a line is not of its form.
pub fn occupancy(root: &Root) -> Result<Vec<Occupancy>> {
    let file = format!("{DEBUG}/rmp/occupancy");
    let text = root.text(&file)?;
    let mut all: Vec<Occupancy> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        let place = || format!("{}, line {}", root.path(&file).display(), i + 1);
        all.push(columns(line).with_context(place)?);
    }
    Ok(all)
}

fn columns(line: &str) -> Result<Occupancy> {
    let bad = || anyhow!("\"{}\" is not five columns", shorten(line));
    let words: Vec<&str> = line.split_whitespace().collect();
    let [gib, node, guest, firmware, held] = words.as_slice() else {
        return Err(bad());
    };
    let small = |text: &str| List::parse(text).ok()?.first();
    let held = held.split(',').filter(|word| *word != "none");
    Ok(Occupancy {
        gib: small(gib).ok_or_else(bad)?,
        node: small(node).ok_or_else(bad)?,
        guest: number(guest)?,
        firmware: number(firmware)?,
        held_by: held.map(str::to_owned).collect(),
    })
}
