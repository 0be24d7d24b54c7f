// SPDX-License-Identifier: GPL-2.0

//! What `rmp` shows.

use super::style::{Style, Tone};
use crate::{cmd::rmp::Found, collect::rmp};
use std::fmt::Write;

/// The lines of an entry in the order in which they are read best.
const ENTRY: [&str; 12] = [
    "address",
    "covered",
    "entry_of",
    "owner",
    "assigned",
    "size",
    "immutable",
    "asid",
    "gpa",
    "vmsa",
    "validated",
    "source",
];

/// All of it.
pub fn text(found: &Found, style: Style) -> String {
    let mut out = String::new();
    match found {
        Found::Entry(lines) => {
            for key in ENTRY {
                if let Some(value) = lines.get(key) {
                    style.line(&mut out, key, value);
                }
            }
        }
        Found::Config(config) => {
            for (key, value) in &config.lines {
                style.line(&mut out, &format!("{key:14}"), value);
            }
        }
        Found::Segments(layout) => segments(&mut out, layout, style),
        Found::Occupancy(all) => occupancy(&mut out, all, style),
    }
    out
}

fn segments(out: &mut String, layout: &rmp::Layout, style: Style) {
    style.line(out, "Form", &layout.form);
    for (label, text) in [
        ("Size", &layout.segment_size),
        ("Limit", &layout.limit),
        ("Head", &layout.head),
    ] {
        if let Some(text) = text {
            style.line(out, label, text);
        }
    }
    for segment in &layout.segments {
        style.line(out, &format!("Segment {}", segment.index), &segment.text);
    }
    if let Some(unused) = &layout.unused {
        style.line(out, "Unused", &unused.to_string());
    }
    for issue in &layout.issues {
        style.line(out, "Issue", &style.paint(Tone::Bad, issue));
    }
}

fn occupancy(out: &mut String, all: &[rmp::Occupancy], style: Style) {
    let head = "  GiB node  guest pages  firmware pages  held by";
    // Writing to a String does not fail.
    let _ = writeln!(out, "{}", style.paint(Tone::Bold, head));
    for one in all {
        let held = if one.held_by.is_empty() {
            style.paint(Tone::Good, "nothing")
        } else {
            style.paint(Tone::Warn, &one.held_by.join(", "))
        };
        let _ = writeln!(
            out,
            "{:5} {:4} {:12} {:15}  {held}",
            one.gib, one.node, one.guest, one.firmware
        );
    }
}
