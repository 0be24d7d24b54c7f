// SPDX-License-Identifier: GPL-2.0

//! What `guests` shows.

use super::style::{bar, count, Style, Tone};
use crate::cmd::guests::Report;
use std::fmt::Write;

/// Lines of regions that are shown without --all.
const LINES: usize = 20;
/// Pages of a GiB.
const PAGES: u64 = 1 << 18;

/// All of it.
pub fn text(report: &Report, style: Style, all: bool) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "{} hold {} with {} of 4 KiB",
        style.paint(Tone::Bold, "SNP guests"),
        count(report.held_gib, "GiB", "GiB"),
        count(report.pages, "page", "pages")
    );
    if report.few_gib != 0 {
        let _ = writeln!(
            out,
            "{} of them with less than a sixteenth of their pages: see \"rmpoptctl advise\"",
            style.paint(Tone::Warn, &report.few_gib.to_string())
        );
    }
    for machine in &report.machines {
        let memory = machine.memory.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            out,
            "  {} ({}, process {}), memory {memory}",
            machine.name, machine.by, machine.pid
        );
    }
    for guest in report.guests.iter().flatten() {
        let name = guest.machine.as_deref().unwrap_or("machine not known");
        let _ = writeln!(
            out,
            "  ASID {:4}  {name}: {} of 2 MiB in {} GiB",
            guest.asid,
            count(guest.blocks, "block", "blocks"),
            guest.gib
        );
    }
    if report.regions.is_empty() {
        return out;
    }
    let head = "  GiB node   pages  share           also held by";
    let _ = writeln!(out, "{}", style.paint(Tone::Bold, head));
    let shown = if all { usize::MAX } else { LINES };
    for region in report.regions.iter().take(shown) {
        let line = format!(
            "{:5} {:4} {:7}  {} {}",
            region.gib,
            region.node,
            region.pages,
            bar(region.pages, PAGES, 14),
            region.also.join(", ")
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let rest = report.regions.len().saturating_sub(shown);
    if rest != 0 {
        let _ = writeln!(out, "  and {rest} more: --all");
    }
    out
}
