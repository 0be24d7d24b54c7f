// SPDX-License-Identifier: GPL-2.0

//! Memory against time in a terminal: a row for each part of memory, a column for each part of time.

use super::{
    grid::{self, LABEL},
    heat::{Level, WIDEST},
    style::{count, percent, Style, Tone},
    time::{span, utc},
};
use crate::cmd::{
    columns::Column,
    timeline::{Cell, Timeline},
};
use std::fmt::Write;

/// Lines above the first row.
pub const ABOVE: usize = 2;
/// Characters from one moment of the scale to the next, at least.
const TICKS: usize = 12;
/// What is drawn where nothing was read.
const UNKNOWN: char = '?';

/// How a cell is drawn.
pub fn glyph(row: &Column, cell: &Cell) -> (char, Tone) {
    match (cell.of_ms, row.ram_gib) {
        (0, 0) => (Level::Hole.glyph(), Tone::Dim),
        (0, _) => (UNKNOWN, Tone::Dim),
        (of, _) => {
            let level = Level::share(cell.pair_ms, of);
            (level.glyph(), level.tone())
        }
    }
}

/// Characters of a column.
pub fn zoom(timeline: &Timeline, width: usize) -> usize {
    let room = width.saturating_sub(LABEL + 1);
    let zoom = room.checked_div(timeline.columns.len());
    zoom.unwrap_or(1).clamp(1, WIDEST)
}

/// `4-7`, or `9`.
pub fn label(row: &Column) -> String {
    match row.first_gib == row.last_gib {
        true => row.first_gib.to_string(),
        false => format!("{}-{}", row.first_gib, row.last_gib),
    }
}

/// The picture, line by line: heading, scale, rows, legend.
pub fn picture(timeline: &Timeline, style: Style, width: usize) -> String {
    let zoom = zoom(timeline, width);
    let mut out = heading(timeline);
    out.push('\n');
    scale(&mut out, timeline, zoom);
    for (i, row) in timeline.rows.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = write!(out, "{:LABEL$} ", label(row));
        let cells = timeline.columns.iter().filter_map(|span| span.cells.get(i));
        grid::runs(&mut out, cells.map(|cell| glyph(row, cell)), style, zoom);
        out.push('\n');
    }
    let mut legend: Vec<String> = Vec::new();
    for level in Level::ALL {
        let glyph = style.paint(level.tone(), &level.glyph().to_string());
        legend.push(format!("{glyph} {}", level.about()));
    }
    let unknown = style.paint(Tone::Dim, &UNKNOWN.to_string());
    let _ = writeln!(out, "{:LABEL$} {}", "", legend.join("  "));
    let each = timeline.columns.first();
    let each = each.map_or(0, |each| each.until_ms - each.from_ms);
    let gib = timeline.rows.iter().filter(|row| row.ram_gib != 0);
    let gib = gib.map(|row| row.last_gib - row.first_gib + 1).max();
    let drawn = count(u64::try_from(zoom).unwrap_or(1), "character", "characters");
    let _ = writeln!(
        out,
        "{:LABEL$} a line: {} GiB, or a hole; {drawn}: {}; {unknown} not read",
        "",
        gib.unwrap_or(1),
        span(each)
    );
    out
}

/// What it is, and how much of it is optimised, in one line.
fn heading(timeline: &Timeline) -> String {
    let (mut pairs, mut of) = (0u64, 0u64);
    for cell in timeline.columns.iter().flat_map(|span| &span.cells) {
        pairs = pairs.saturating_add(cell.pair_ms);
        of = of.saturating_add(cell.of_ms);
    }
    let from = timeline.columns.first().map_or(0, |span| span.from_ms);
    let until = timeline.columns.last().map_or(0, |span| span.until_ms);
    let what = match timeline.could_be {
        true => "could be optimised",
        false => "optimised",
    };
    let note = match timeline.cut_off {
        true => "; the file is cut off",
        false => "",
    };
    format!(
        "{} from {}: {} of {} {what}{note}",
        span(until - from),
        utc(timeline.began_ms.saturating_add(from)),
        percent(pairs, of),
        count(timeline.ram_gib, "GiB", "GiB"),
    )
}

/// The moments at which columns begin, where there is room: since the record began.
fn scale(out: &mut String, timeline: &Timeline, zoom: usize) {
    let columns = timeline.columns.iter().zip((0..).step_by(zoom));
    let marks = columns.map(|(column, at)| (at, format!("+{}", span(column.from_ms))));
    let width = timeline.columns.len() * zoom;
    grid::scale(out, "GiB   time", width, TICKS, marks);
}

/// For scripts: a line for each cell.
pub fn raw(timeline: &Timeline) -> String {
    let mut out =
        String::from("from_ms\tuntil_ms\tfirst_gib\tlast_gib\tram_gib\tnode\tpair_ms\tof_ms\n");
    for span in &timeline.columns {
        for (row, cell) in timeline.rows.iter().zip(&span.cells) {
            let node = row.node.map_or("-".to_owned(), |node| node.to_string());
            // Writing to a String does not fail.
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{node}\t{}\t{}",
                span.from_ms,
                span.until_ms,
                row.first_gib,
                row.last_gib,
                row.ram_gib,
                cell.pair_ms,
                cell.of_ms
            );
        }
    }
    out
}
