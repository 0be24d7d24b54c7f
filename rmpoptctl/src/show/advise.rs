// SPDX-License-Identifier: GPL-2.0

//! What `advise` shows.

use super::style::{count, Style, Tone};
use crate::cmd::{advise::Report, what_if::WhatIf};
use std::fmt::Write;

/// All of it.
pub fn text(report: &Report, style: Style) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "Of {} with RAM, {} can be won: guests alone hold them, with {} of 4 KiB.",
        count(report.ram_gib, "GiB", "GiB"),
        report.held_gib,
        count(report.pages, "page", "pages")
    );
    if report.fixed_gib != 0 {
        let _ = writeln!(
            out,
            "{} cannot: the RMP or the firmware has pages there.",
            report.fixed_gib
        );
    }
    if report.best.is_empty() {
        out.push_str("Nothing to move.\n");
        if let Some(what) = &report.what_if {
            what_if(&mut out, what, style);
        }
        return out;
    }
    for (node, packed) in report
        .nodes
        .iter()
        .filter(|(_, packed)| packed.won_gib != 0)
    {
        let _ = writeln!(
            out,
            "Node {node}: side by side its guests' pages need {} of the {} that they hold: {} can be won.",
            count(packed.needed_gib, "GiB", "GiB"),
            packed.held_gib,
            style.paint(Tone::Good, &count(packed.won_gib, "GiB", "GiB"))
        );
    }
    let head = "  GiB node  pages in the way   won so far, pages moved";
    let _ = writeln!(out, "{}", style.paint(Tone::Bold, head));
    for one in &report.best {
        let _ = writeln!(
            out,
            "{:5} {:4} {:18}  {:7} GiB, {}",
            one.gib, one.node, one.pages, one.won_so_far_gib, one.moved_so_far
        );
    }
    out.push_str(
        "Pages of SNP guests do not move while they run. What helps when a guest starts next:\n\
         memory from 1 GiB huge pages, bound to one node; sizes that are whole GiBs.\n",
    );
    if let Some(what) = &report.what_if {
        what_if(&mut out, what, style);
    }
    out
}

/// What would be.
fn what_if(out: &mut String, what: &WhatIf, style: Style) {
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "If the pages of GiB {} lay elsewhere on their nodes, {} would be free instead of {}:",
        what.gibs,
        style.paint(Tone::Good, &count(what.then_free_gib, "GiB", "GiB")),
        what.free_gib
    );
    let head = " node  GiB   free  then free  pages to move       room";
    let _ = writeln!(out, "{}", style.paint(Tone::Bold, head));
    for (node, part) in &what.nodes {
        let more = match part.more_held_gib {
            0 => String::new(),
            n => format!("  no room for all: {} more held", count(n, "GiB", "GiB")),
        };
        let _ = writeln!(
            out,
            "{node:5} {:4} {:6} {:10} {:14} {:10}{more}",
            part.ram_gib, part.free_gib, part.then_free_gib, part.pages, part.room
        );
    }
    out.push_str(
        "Room counts pages of 4 KiB that are not assigned, in GiBs that stay held. The host may use\n\
         them itself: there is no more room than that.\n",
    );
}
