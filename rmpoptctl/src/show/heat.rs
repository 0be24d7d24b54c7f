// SPDX-License-Identifier: GPL-2.0

//! The map in a terminal: a heat map of blocks.

use super::{
    grid::{self, LABEL},
    style::{percent, ratio, Style, Tone},
};
use crate::cmd::{
    columns::Column,
    map::{Map, Row},
};
use std::fmt::Write;

/// Characters from one number of the scale to the next, at least.
const TICKS: usize = 10;
/// The widest that a column of the map is drawn.
pub const WIDEST: usize = 4;

/// How much of a cell is optimised, in five steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// There is no RAM.
    Hole,
    /// Nothing.
    None,
    /// Up to a third.
    Low,
    /// Up to two thirds.
    Middle,
    /// More, but not all.
    High,
    /// All of it.
    All,
}

impl Level {
    /// The levels in the order of the legend.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::High,
        Self::Middle,
        Self::Low,
        Self::None,
        Self::Hole,
    ];

    /// The level of a cell.
    pub fn of(row: &Row, column: &Column, pairs: u64) -> Self {
        Self::share(pairs, row.of(column))
    }

    /// The level of so many of all.
    pub fn share(pairs: u64, of: u64) -> Self {
        match (of, ratio(pairs, of, 3)) {
            (0, _) => Self::Hole,
            (_, 0) if pairs == 0 => Self::None,
            (_, 0) => Self::Low,
            (_, 1) => Self::Middle,
            (_, 2) => Self::High,
            _ => Self::All,
        }
    }

    /// As a character.
    pub const fn glyph(self) -> char {
        match self {
            Self::Hole => '┊',
            Self::None => '·',
            Self::Low => '░',
            Self::Middle => '▒',
            Self::High => '▓',
            Self::All => '█',
        }
    }

    /// For the legend.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Hole => "no RAM",
            Self::None => "none",
            Self::Low => "up to 1/3",
            Self::Middle => "up to 2/3",
            Self::High => "more",
            Self::All => "all",
        }
    }

    /// Its colour.
    pub const fn tone(self) -> Tone {
        match self {
            Self::Hole => Tone::Dim,
            Self::None => Tone::Bad,
            Self::Low | Self::Middle | Self::High => Tone::Warn,
            Self::All => Tone::Good,
        }
    }
}

/// All of it.
pub fn picture(map: &Map, style: Style, width: usize) -> String {
    let mut out = String::new();
    let what = match map.by.as_str() {
        "could be" => "of them could be optimised",
        _ => "of pairs of GiB and core are optimised",
    };
    // Few columns are drawn wider.
    let room = width.saturating_sub(LABEL + 1);
    let zoom = room
        .checked_div(map.columns.len())
        .unwrap_or(1)
        .clamp(1, WIDEST);
    let (mut pairs, mut of) = (0u64, 0u64);
    for row in &map.rows {
        for (column, n) in map.columns.iter().zip(&row.pairs) {
            pairs = pairs.saturating_add(*n);
            of = of.saturating_add(row.of(column));
        }
    }
    let first = map.columns.first().map_or(0, |column| column.first_gib);
    let last = map.columns.last().map_or(0, |column| column.last_gib);
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "GiB {first}-{last}, {} with RAM: {} {what}",
        map.ram_gib,
        percent(pairs, of)
    );
    scale(&mut out, map, zoom);
    for row in &map.rows {
        let _ = write!(out, "{:LABEL$} ", row.label);
        let cells = map.columns.iter().zip(&row.pairs);
        let levels = cells.map(|(column, n)| Level::of(row, column, *n));
        let glyphs = levels.map(|level| (level.glyph(), level.tone()));
        grid::runs(&mut out, glyphs, style, zoom);
        out.push('\n');
    }
    memory_nodes(&mut out, map, zoom);
    let legend = Level::ALL.map(|level| {
        let glyph = style.paint(level.tone(), &level.glyph().to_string());
        format!("{glyph} {}", level.about())
    });
    let _ = writeln!(out, "{:LABEL$} {}", "", legend.join("  "));
    let each = map.columns.iter().filter(|column| column.ram_gib != 0);
    let width = each
        .map(|column| column.last_gib - column.first_gib + 1)
        .max();
    let width = width.unwrap_or(1);
    let drawn = super::style::count(count(zoom), "character", "characters");
    let _ = writeln!(out, "{:LABEL$} {drawn}: {width} GiB, or a hole", "");
    out
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The GiBs at which columns begin, where there is room.
fn scale(out: &mut String, map: &Map, zoom: usize) {
    let columns = map.columns.iter().zip((0..).step_by(zoom));
    let marks = columns
        .filter(|(column, _)| column.ram_gib != 0)
        .map(|(column, at)| (at, column.first_gib.to_string()));
    grid::scale(out, "GiB", map.columns.len() * zoom, TICKS, marks);
}

/// On which node the memory is.
fn memory_nodes(out: &mut String, map: &Map, zoom: usize) {
    if map.columns.iter().all(|column| column.node.is_none()) {
        return;
    }
    let mut line = format!("{:LABEL$} ", "memory node");
    for column in &map.columns {
        let digit = match column.node {
            Some(node) => char::from_digit(node % 36, 36).unwrap_or('?'),
            None => ' ',
        };
        line.extend(std::iter::repeat_n(digit, zoom));
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// For scripts: a line for each cell.
pub fn raw(map: &Map) -> String {
    let mut out = String::from("row\tfirst_gib\tlast_gib\tram_gib\tpairs\tof\n");
    for row in &map.rows {
        for (column, pairs) in map.columns.iter().zip(&row.pairs) {
            let Column {
                first_gib,
                last_gib,
                ram_gib,
                ..
            } = column;
            let of = row.of(column);
            let label = &row.label;
            // Writing to a String does not fail.
            let _ = writeln!(
                out,
                "{label}\t{first_gib}\t{last_gib}\t{ram_gib}\t{pairs}\t{of}"
            );
        }
    }
    out
}
