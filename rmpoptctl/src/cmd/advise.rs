// SPDX-License-Identifier: GPL-2.0

//! `advise`: which regions are lost to how few pages, and what moving these would win.

use super::what_if::{self, WhatIf, Which};
use crate::{
    cli,
    collect::{
        list::List,
        rmp::{self, Occupancy},
        Root,
    },
    exit::Code,
    output::{Data, Output},
    show,
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What `advise` found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// GiBs with RAM.
    pub ram_gib: u64,
    /// GiBs held by guests alone: these can be won.
    pub held_gib: u64,
    /// GiBs held by the RMP or the firmware, with or without guests: these cannot.
    pub fixed_gib: u64,
    /// 4 KiB pages of guests in the GiBs that can be won.
    pub pages: u64,
    /// By node, how many of its GiBs would be free if its guests' pages lay side by side.
    pub nodes: BTreeMap<u32, Packed>,
    /// GiBs that can be won, those with the fewest pages first.
    pub best: Vec<Candidate>,
    /// What --what-if says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<WhatIf>,
}

/// The pages of a node's guests, side by side.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Packed {
    /// GiBs held by guests alone.
    pub held_gib: u64,
    /// 4 KiB pages in them.
    pub pages: u64,
    /// GiBs that they need, side by side.
    pub needed_gib: u64,
    /// GiBs that this would win.
    pub won_gib: u64,
}

/// A GiB that can be won.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Candidate {
    /// The GiB.
    pub gib: u32,
    /// Its node.
    pub node: u32,
    /// 4 KiB pages of guests that are in the way.
    pub pages: u64,
    /// GiBs won, with those before it, for all pages so far.
    pub won_so_far_gib: u64,
    /// Pages moved so far.
    pub moved_so_far: u64,
}

/// Pages of a GiB.
const PAGES: u64 = 1 << 18;

/// Says it.
///
/// # Errors
///
/// Files cannot be read; SNP is off; a GiB of --what-if cannot be won.
pub fn run(root: &Root, output: &Output, arguments: &cli::Advise) -> Result<Code> {
    root.require_module()?;
    let occupancy = rmp::occupancy(root)?;
    let mut report = examine(&occupancy, arguments.top);
    if let Some(which) = &arguments.what_if {
        let gibs = match which {
            Which::These(gibs) => gibs.clone(),
            Which::Best => {
                let mut best: Vec<u32> = report.best.iter().map(|one| one.gib).collect();
                best.sort_unstable();
                List::of(best)
            }
        };
        report.what_if = Some(what_if::reckon(&occupancy, gibs)?);
    }
    let text = show::advise::text(&report, output.style);
    output.print(Data::Advise(report), |_| text)?;
    Ok(Code::Done)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Whether guests alone hold it.
pub fn by_guests(o: &Occupancy) -> bool {
    o.guest != 0 && o.held_by.iter().all(|who| who == "guest")
}

fn examine(occupancy: &[Occupancy], top: usize) -> Report {
    let mut held: Vec<&Occupancy> = occupancy.iter().filter(|o| by_guests(o)).collect();
    held.sort_by_key(|o| (o.guest, o.gib));
    let fixed = occupancy
        .iter()
        .filter(|o| o.held_by.iter().any(|who| who != "guest"));
    let mut nodes: BTreeMap<u32, Packed> = BTreeMap::new();
    for o in &held {
        let node = nodes.entry(o.node).or_default();
        node.held_gib += 1;
        node.pages = node.pages.saturating_add(o.guest);
    }
    for node in nodes.values_mut() {
        node.needed_gib = node.pages.div_ceil(PAGES).min(node.held_gib);
        node.won_gib = node.held_gib - node.needed_gib;
    }
    let mut moved: u64 = 0;
    let mut best = Vec::new();
    for (o, won) in held.iter().zip(1..).take(top) {
        moved = moved.saturating_add(o.guest);
        best.push(Candidate {
            gib: o.gib,
            node: o.node,
            pages: o.guest,
            won_so_far_gib: won,
            moved_so_far: moved,
        });
    }
    Report {
        ram_gib: count(occupancy.len()),
        held_gib: count(held.len()),
        fixed_gib: count(fixed.count()),
        pages: held.iter().fold(0, |n, o| n.saturating_add(o.guest)),
        nodes,
        best,
        what_if: None,
    }
}
