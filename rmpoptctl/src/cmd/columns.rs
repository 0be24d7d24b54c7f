// SPDX-License-Identifier: GPL-2.0

//! Memory in parts of which each is a column, or a row, of a picture.

use schemars::JsonSchema;
use serde::Serialize;

/// A GiB with RAM, and its node.
pub type Gib = (u32, Option<u32>);

/// A part of memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Column {
    /// Its first GiB.
    pub first_gib: u32,
    /// Its last GiB.
    pub last_gib: u32,
    /// GiBs with RAM in it; 0: a hole.
    pub ram_gib: u64,
    /// The node of its first RAM.
    pub node: Option<u32>,
}

/// Contiguous memory, first and last GiB; holes narrower than `hole` are in it.
fn runs(gibs: &[Gib], hole: u32) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (gib, _) in gibs {
        match runs.last_mut() {
            Some((_, last)) if *gib - *last <= hole => *last = *gib,
            _ => runs.push((*gib, *gib)),
        }
    }
    runs
}

/// Parts of memory: all of the same width, the narrowest with which there are at most `most`. A hole that is as wide is
/// a part, however wide it is. The GiBs ascend.
pub fn make(gibs: &[Gib], most: usize) -> Vec<Column> {
    let mut width: u32 = 1;
    let runs = loop {
        let runs = runs(gibs, width);
        let each = |(first, last): &(u32, u32)| u64::from((last - first) / width + 1);
        let needed: u64 = runs.iter().map(each).sum::<u64>() + count(runs.len()).saturating_sub(1);
        if needed <= count(most) || width > 1 << 22 {
            break runs;
        }
        // 1, 2, 3, 4, 6, 8, 12, ...
        width = if width.is_power_of_two() && width > 1 {
            width + width / 2
        } else if width == 1 {
            2
        } else {
            width / 3 * 4
        };
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut gibs = gibs.iter().peekable();
    for (first, last) in runs {
        if let Some(before) = columns.last() {
            columns.push(Column {
                first_gib: before.last_gib + 1,
                last_gib: first - 1,
                ram_gib: 0,
                node: None,
            });
        }
        let mut at = first;
        while at <= last {
            let end = at.saturating_add(width - 1).min(last);
            let mut column = Column {
                first_gib: at,
                last_gib: end,
                ram_gib: 0,
                node: None,
            };
            while let Some((_, node)) = gibs.next_if(|(gib, _)| *gib <= end) {
                column.ram_gib += 1;
                column.node = column.node.or(*node);
            }
            columns.push(column);
            at = end + 1;
        }
    }
    columns
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
