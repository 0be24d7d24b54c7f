// SPDX-License-Identifier: GPL-2.0

//! Memory against time as a picture of its own, and as a page.

use super::{
    heat::Level,
    html,
    style::{percent, ratio},
    svg::{class, escape, legend, LABEL, STYLE, WIDTH},
    time::{span, utc},
    timeline::label,
};
use crate::cmd::timeline::{Cell, Timeline};
use std::fmt::Write;

/// Columns and rows at most.
pub const COLUMNS: usize = 480;
/// See COLUMNS.
pub const ROWS: usize = 64;
/// Pixels of a row, and above the rows.
const ROW: u64 = 14;
const TOP: u64 = 50;

/// How a cell is drawn: the class in the style; none where nothing was read.
fn class_of(ram_gib: u64, cell: &Cell) -> Option<&'static str> {
    match (cell.of_ms, ram_gib) {
        (0, 0) => Some(class(Level::Hole)),
        (0, _) => None,
        (of, _) => Some(class(Level::share(cell.pair_ms, of))),
    }
}

/// The picture.
pub fn picture(timeline: &Timeline) -> String {
    let columns = u64::try_from(timeline.columns.len()).unwrap_or(1).max(1);
    let rows = u64::try_from(timeline.rows.len()).unwrap_or(0);
    let height = TOP + rows * ROW + 50;
    let x = |at: usize| LABEL + ratio(u64::try_from(at).unwrap_or(0), columns, WIDTH);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{height}\" viewBox=\"0 0 {0} {height}\" color=\"#444\">\n<style>{STYLE}</style>\n",
        LABEL + WIDTH + 10
    );
    let title = match timeline.could_be {
        true => "Memory that could be optimised, in time",
        false => "Memory that is optimised, in time",
    };
    // Writing to a String does not fail.
    let _ = writeln!(out, "<text x=\"{LABEL}\" y=\"16\">{title}</text>");
    ticks(&mut out, timeline, &x);
    let mut free = 0;
    for (i, row) in timeline.rows.iter().enumerate() {
        let y = TOP + u64::try_from(i).unwrap_or(0) * ROW;
        // The rows are lower than the letters: every second one has its name.
        if y >= free {
            let _ = writeln!(out, "<text x=\"4\" y=\"{}\">{}</text>", y + 12, label(row));
            free = y + 2 * ROW;
        }
        spans(&mut out, timeline, i, y, &x);
    }
    legend(&mut out, TOP + rows * ROW + 14);
    out.push_str("</svg>\n");
    out
}

/// A row. Neighbours that are drawn the same are one rectangle.
fn spans(out: &mut String, timeline: &Timeline, row: usize, y: u64, x: &impl Fn(usize) -> u64) {
    let Some(part) = timeline.rows.get(row) else {
        return;
    };
    let mut columns = timeline.columns.iter().enumerate().peekable();
    while let Some((from, first)) = columns.next() {
        let mut sum = first.cells.get(row).copied().unwrap_or_default();
        let class = class_of(part.ram_gib, &sum);
        let (mut to, mut until_ms) = (from + 1, first.until_ms);
        let same =
            |cell: Option<&Cell>| cell.is_some_and(|cell| class_of(part.ram_gib, cell) == class);
        while let Some((at, span)) = columns.next_if(|(_, span)| same(span.cells.get(row))) {
            let cell = span.cells.get(row).copied().unwrap_or_default();
            sum.pair_ms = sum.pair_ms.saturating_add(cell.pair_ms);
            sum.of_ms = sum.of_ms.saturating_add(cell.of_ms);
            (to, until_ms) = (at + 1, span.until_ms);
        }
        let Some(class) = class else {
            continue;
        };
        let what = match sum.of_ms {
            0 => "no RAM".to_owned(),
            of => percent(sum.pair_ms, of),
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\"><title>GiB {}, +{} to +{}: {what}</title></rect>",
            x(from),
            (x(to) - x(from)).max(1),
            ROW - 1,
            label(part),
            span(first.from_ms),
            span(until_ms)
        );
    }
}

/// The moments below the title.
fn ticks(out: &mut String, timeline: &Timeline, x: &impl Fn(usize) -> u64) {
    let mut free = 0;
    for (at, column) in timeline.columns.iter().enumerate() {
        let left = x(at);
        if left < free {
            continue;
        }
        let text = span(column.from_ms);
        // Writing to a String does not fail.
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\">+{text}</text>", TOP - 8);
        free = left + 110;
    }
    let _ = writeln!(out, "<text x=\"4\" y=\"{}\">GiB</text>", TOP - 8);
}

/// The page.
pub fn page(timeline: &Timeline) -> String {
    let note = match timeline.cut_off {
        true => " The file is cut off.",
        false => "",
    };
    let about = format!(
        "Kernel {}, {} GiB with RAM, {} from {} on.{note}",
        escape(&timeline.kernel),
        timeline.ram_gib,
        span(timeline.length_ms),
        utc(timeline.began_ms)
    );
    html::around("RMPOPT in time", &about, &picture(timeline))
}
