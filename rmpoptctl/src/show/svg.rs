// SPDX-License-Identifier: GPL-2.0

//! The map as a picture of its own.

use super::{
    heat::Level,
    style::{percent, ratio},
};
use crate::cmd::{
    columns::Column,
    map::{Map, Row},
};
use std::fmt::Write;

/// The most columns.
pub const COLUMNS: usize = 480;
/// Pixels of the columns together, of a row's name, and of a row.
pub(super) const WIDTH: u64 = 960;
pub(super) const LABEL: u64 = 110;
const ROW: u64 = 24;
/// Pixels above the rows.
const TOP: u64 = 50;

/// The colours of the levels, for light and dark surroundings alike.
pub(super) const STYLE: &str = "text{font:13px sans-serif;fill:currentColor}\
.all{fill:#2a9d4a}.high{fill:#8ab83a}.middle{fill:#e0b53c}.low{fill:#e5843a}.none{fill:#c8443c}\
.hole{fill:#8888;}";

/// A level's class in the style.
pub(super) fn class(level: Level) -> &'static str {
    match level {
        Level::Hole => "hole",
        Level::None => "none",
        Level::Low => "low",
        Level::Middle => "middle",
        Level::High => "high",
        Level::All => "all",
    }
}

/// Neighbours in a row that are the same.
struct Span {
    from: usize,
    to: usize,
    first_gib: u32,
    last_gib: u32,
    ram_gib: u64,
    pairs: u64,
    of: u64,
    level: Level,
}

fn spans(map: &Map, row: &Row) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (at, (column, pairs)) in map.columns.iter().zip(&row.pairs).enumerate() {
        let level = Level::of(row, column, *pairs);
        let uniform = matches!(level, Level::All | Level::None);
        match spans.last_mut() {
            Some(span) if span.level == level && uniform => {
                span.to = at + 1;
                span.last_gib = column.last_gib;
                span.ram_gib = span.ram_gib.saturating_add(column.ram_gib);
                span.pairs = span.pairs.saturating_add(*pairs);
                span.of = span.of.saturating_add(row.of(column));
            }
            _ => spans.push(Span {
                from: at,
                to: at + 1,
                first_gib: column.first_gib,
                last_gib: column.last_gib,
                ram_gib: column.ram_gib,
                pairs: *pairs,
                of: row.of(column),
                level,
            }),
        }
    }
    spans
}

/// The picture.
pub fn picture(map: &Map) -> String {
    let columns = u64::try_from(map.columns.len()).unwrap_or(1).max(1);
    let rows = u64::try_from(map.rows.len()).unwrap_or(0);
    let height = TOP + rows * ROW + 50;
    let x = |at: usize| LABEL + ratio(u64::try_from(at).unwrap_or(0), columns, WIDTH);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{height}\" viewBox=\"0 0 {0} {height}\" color=\"#444\">\n<style>{STYLE}</style>\n",
        LABEL + WIDTH + 10
    );
    let title = match map.by.as_str() {
        "could be" => "Memory that could be optimised",
        _ => "Memory that is optimised, by the cores on which it is",
    };
    // Writing to a String does not fail.
    let _ = writeln!(out, "<text x=\"{LABEL}\" y=\"16\">{title}</text>");
    ticks(&mut out, &map.columns, &x);
    for (i, row) in map.rows.iter().enumerate() {
        let y = TOP + u64::try_from(i).unwrap_or(0) * ROW;
        let label = escape(&row.label);
        let _ = writeln!(out, "<text x=\"4\" y=\"{}\">{label}</text>", y + 16);
        for span in spans(map, row) {
            let (left, right) = (x(span.from), x(span.to));
            let _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{left}\" y=\"{y}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
                class(span.level),
                (right - left).max(1),
                ROW - 2,
                tip(&label, &span)
            );
        }
    }
    legend(&mut out, TOP + rows * ROW + 14);
    out.push_str("</svg>\n");
    out
}

fn tip(label: &str, span: &Span) -> String {
    let Span {
        first_gib,
        last_gib,
        ram_gib,
        pairs,
        of,
        ..
    } = span;
    match of {
        0 => format!("GiB {first_gib}-{last_gib}: no RAM"),
        of => format!(
            "{label}, GiB {first_gib}-{last_gib} ({ram_gib} with RAM): {} ({pairs} of {of})",
            percent(*pairs, *of)
        ),
    }
}

/// The GiBs below the title.
fn ticks(out: &mut String, columns: &[Column], x: &impl Fn(usize) -> u64) {
    let mut free = 0;
    for (at, column) in columns.iter().enumerate() {
        let left = x(at);
        if column.ram_gib == 0 || left < free {
            continue;
        }
        let gib = column.first_gib;
        // Writing to a String does not fail.
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\">{gib}</text>", TOP - 8);
        free = left + 80;
    }
    let _ = writeln!(out, "<text x=\"4\" y=\"{}\">GiB</text>", TOP - 8);
}

/// The colours and what they say.
pub(super) fn legend(out: &mut String, y: u64) {
    let mut left = LABEL;
    for level in Level::ALL {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{left}\" y=\"{y}\" width=\"14\" height=\"14\"/><text x=\"{}\" y=\"{}\">{}</text>",
            class(level),
            left + 20,
            y + 12,
            level.about()
        );
        left += 110;
    }
}

/// Text that is no markup.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
