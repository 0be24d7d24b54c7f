// SPDX-License-Identifier: GPL-2.0

//! Memory against time, from a file of `record`: what `map --time` prints and `replay` shows.
//!
//! The file is read twice, line by line: to find out how much memory and time there is, and to fill the picture. What
//! is kept is the picture and one state, however long the file is.

use super::columns::{self, Column};
use crate::{
    collect::{
        extent::Extent,
        record::{Gib, Head, Look, Reader, State},
    },
    exit::{Code, Failure},
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// The picture in numbers.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Timeline {
    /// The kernel's release.
    pub kernel: String,
    /// When the record began: milliseconds since 1970, UTC.
    pub began_ms: u64,
    /// Milliseconds between two looks.
    pub interval_ms: u64,
    /// Milliseconds that the record lasts.
    pub length_ms: u64,
    /// How often the table was read.
    pub looks: u64,
    /// What ended the record; none where it goes on or was cut off.
    pub ended_by: Option<String>,
    /// The file ends within a line, which is left out.
    pub cut_off: bool,
    /// The processor has no RMPOPT: this is what could be optimised.
    pub could_be: bool,
    /// GiBs with RAM in the picture.
    pub ram_gib: u64,
    /// The parts of memory, ascending.
    pub rows: Vec<Column>,
    /// The parts of time, ascending.
    pub columns: Vec<Span>,
}

/// A part of time.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Span {
    /// Its first millisecond, since the record began.
    pub from_ms: u64,
    /// The first millisecond behind it.
    pub until_ms: u64,
    /// For each row.
    pub cells: Vec<Cell>,
}

/// Pairs of a GiB and a core, each for the milliseconds that it lasted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cell {
    /// Pairs that were optimised.
    pub pair_ms: u64,
    /// All pairs; 0: nothing is known, or there is no RAM.
    pub of_ms: u64,
}

/// What of the record is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Milliseconds from which, and until which; without them from the beginning to the end.
    pub from: Option<u64>,
    /// See from.
    pub until: Option<u64>,
    /// Columns and rows at most.
    pub columns: usize,
    /// See columns.
    pub rows: usize,
    /// Memory of this range only.
    pub range: Option<Extent>,
    /// Memory of this node only.
    pub node: Option<u32>,
    /// The state at this millisecond is wanted, too.
    pub at: Option<u64>,
}

/// What there is in a file.
struct Survey {
    head: Head,
    ram: BTreeMap<u32, Option<u32>>,
    length: u64,
    looks: u64,
    ended_by: Option<String>,
    could_be: bool,
}

/// Reads a file into a picture, and into the state at the moment that is wanted.
///
/// # Errors
///
/// The file cannot be read or is not of the format; nothing is in that range or time.
pub fn collect(file: &Path, wanted: &Wanted) -> Result<(Timeline, State)> {
    let survey = survey(file)?;
    let in_it = |gib: u32, node: Option<u32>| {
        wanted.range.is_none_or(|range| range.touches(gib))
            && (wanted.node.is_none() || wanted.node == node)
    };
    let ram = survey.ram.iter().map(|(gib, node)| (*gib, *node));
    let ram: Vec<columns::Gib> = ram.filter(|(gib, node)| in_it(*gib, *node)).collect();
    if ram.is_empty() {
        let text = "there is no RAM in that range or node";
        return Err(Failure::error(Code::Failed, text));
    }
    let from = wanted.from.unwrap_or(0);
    let until = wanted.until.unwrap_or(u64::MAX).min(survey.length);
    if from >= until {
        let text =
            "there is nothing at that time: the record is shorter, or it ends before it begins";
        return Err(Failure::error(Code::Failed, text));
    }
    let rows = columns::make(&ram, wanted.rows.max(1));
    let mut filling = Filling::new(from, until, wanted, rows);
    let mut at = State::default();
    let mut reader = Reader::open(file)?;
    let mut before = 0;
    while let Some(look) = reader.next()? {
        if wanted.at.is_some_and(|at| before <= at && at < look.t) {
            at = filling.state.clone();
        }
        filling.pass(before, look.t);
        filling
            .take(&look, &in_it)
            .with_context(|| reader.place())?;
        before = look.t;
    }
    if wanted.at.is_some_and(|at| at >= before) {
        at = filling.state.clone();
    }
    filling.pass(before, survey.length);
    let timeline = Timeline {
        kernel: survey.head.kernel,
        began_ms: survey.head.began_ms,
        interval_ms: survey.head.interval_ms,
        length_ms: survey.length,
        looks: survey.looks,
        ended_by: survey.ended_by,
        cut_off: reader.cut_off,
        could_be: survey.could_be,
        ram_gib: count(ram.len()),
        rows: filling.rows,
        columns: filling.columns,
    };
    Ok((timeline, at))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// How much memory and time there is.
fn survey(file: &Path) -> Result<Survey> {
    let mut reader = Reader::open(file)?;
    let mut survey = Survey {
        head: reader.head.clone(),
        ram: BTreeMap::new(),
        length: 0,
        looks: 0,
        ended_by: None,
        could_be: false,
    };
    let mut state = State::default();
    while let Some(look) = reader.next()? {
        if look.cores.is_some() {
            state.apply(&look).with_context(|| reader.place())?;
            survey.could_be = state.could_be;
            let gibs = state.gibs.iter().map(|gib| (gib.gib, gib.node));
            survey.ram.extend(gibs);
        }
        survey.length = look.t;
        match look.end {
            Some(end) => survey.ended_by = Some(crate::collect::clean(end.as_bytes())),
            None => survey.looks += 1,
        }
    }
    // What was seen last is so until the next look would have come.
    if survey.ended_by.is_none() {
        survey.length = survey.length.saturating_add(survey.head.interval_ms);
    }
    survey.length = survey.length.max(1);
    Ok(survey)
}

/// The least width of a column, in milliseconds, that is round and not below this one.
fn step(least: u64) -> u64 {
    const SECOND: u64 = 1000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let units = [
        (1, &[1, 2, 5, 10, 20, 50, 100, 200, 500][..]),
        (SECOND, &[1, 2, 5, 10, 15, 30]),
        (MINUTE, &[1, 2, 5, 10, 15, 30]),
        (HOUR, &[1, 2, 3, 6, 12]),
    ];
    let mut steps = units
        .iter()
        .flat_map(|(unit, steps)| steps.iter().map(move |step| step * unit));
    steps
        .find(|step| *step >= least)
        .unwrap_or_else(|| least.div_ceil(DAY).saturating_mul(DAY))
}

/// The picture under way.
struct Filling {
    from: u64,
    until: u64,
    rows: Vec<Column>,
    columns: Vec<Span>,
    state: State,
    /// For each row, the pairs of the state.
    sums: Vec<Cell>,
}

impl Filling {
    fn new(from: u64, until: u64, wanted: &Wanted, rows: Vec<Column>) -> Self {
        let width = step((until - from).div_ceil(count(wanted.columns.max(1))));
        let columns = (0..(until - from).div_ceil(width)).map(|i| {
            let from_ms = from.saturating_add(i.saturating_mul(width));
            Span {
                from_ms,
                until_ms: from_ms.saturating_add(width).min(until),
                cells: vec![Cell::default(); rows.len()],
            }
        });
        Self {
            from,
            until,
            columns: columns.collect(),
            state: State::default(),
            sums: vec![Cell::default(); rows.len()],
            rows,
        }
    }

    /// The state lasts from here to there.
    fn pass(&mut self, from: u64, until: u64) {
        let (from, until) = (from.max(self.from), until.min(self.until));
        let first = self.columns.partition_point(|span| span.until_ms <= from);
        for span in self.columns.iter_mut().skip(first) {
            if span.from_ms >= until {
                break;
            }
            let (start, end) = (span.from_ms.max(from), span.until_ms.min(until));
            let ms = end.saturating_sub(start);
            for (cell, sum) in span.cells.iter_mut().zip(&self.sums) {
                let add =
                    |to: &mut u64, pairs: u64| *to = to.saturating_add(pairs.saturating_mul(ms));
                add(&mut cell.pair_ms, sum.pair_ms);
                add(&mut cell.of_ms, sum.of_ms);
            }
        }
    }

    /// The state becomes another one.
    fn take(&mut self, look: &Look, in_it: &impl Fn(u32, Option<u32>) -> bool) -> Result<()> {
        if look.cores.is_none() && look.gap.is_none() && look.on.is_empty() {
            return Ok(());
        }
        self.state.apply(look)?;
        let Self {
            state, rows, sums, ..
        } = self;
        let inside = |gib: &&Gib| in_it(gib.gib, gib.node);
        let mut gibs = state.gibs.iter().filter(inside).peekable();
        for (row, sum) in rows.iter().zip(sums) {
            *sum = Cell::default();
            while let Some(gib) = gibs.next_if(|gib| gib.gib <= row.last_gib) {
                sum.pair_ms = sum.pair_ms.saturating_add(gib.on);
                sum.of_ms = sum.of_ms.saturating_add(state.cores);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn steps_are_round() {
        for (least, width) in [
            (0, 1),
            (3, 5),
            (501, 1000),
            (16_000, 30_000),
            (31_000, 60_000),
            (3_600_001, 7_200_000),
            (86_400_001, 172_800_000),
        ] {
            assert_eq!(step(least), width);
        }
        assert!(step(u64::MAX) >= u64::MAX / 2);
    }
}
