// SPDX-License-Identifier: GPL-2.0

//! `map`: memory against the cores that skip its checks.

use crate::{
    cli,
    collect::{extent::Extent, host, memory::Nodes, processor, table, Root},
    exit::{Code, Failure},
    output::{put, Data, Output},
    show,
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::{fs, path::Path};

/// The picture in numbers.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Map {
    /// What the rows are: `node`, `core`, or `could be` where the processor has no RMPOPT.
    pub by: String,
    /// The parts of memory, ascending.
    pub columns: Vec<Column>,
    /// The groups of cores.
    pub rows: Vec<Row>,
    /// GiBs with RAM in the picture.
    pub ram_gib: u64,
}

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

/// A group of cores.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// How many cores.
    pub cores: u64,
    /// For each column, pairs of a core and a GiB on which that is optimised.
    pub pairs: Vec<u64>,
}

impl Row {
    /// All pairs of a column.
    pub fn of(&self, column: &Column) -> u64 {
        self.cores.saturating_mul(column.ram_gib)
    }
}

/// Cores of which a row is made: by the first CPU of each.
struct Group {
    label: String,
    cores: Vec<crate::collect::list::List>,
}

/// Draws the map, or writes it.
///
/// # Errors
///
/// Files cannot be read, are not of their form, or cannot be written; nothing lies in the range.
pub fn run(root: &Root, output: &Output, arguments: &cli::Map) -> Result<Code> {
    root.require_module()?;
    if let Some(file) = &arguments.svg {
        let map = collect(root, arguments, show::svg::COLUMNS)?;
        save(file, &show::svg::picture(&map))?;
    }
    if let Some(file) = &arguments.html {
        let map = collect(root, arguments, show::svg::COLUMNS)?;
        save(file, &show::html::page(&map, &host::release(root)))?;
    }
    if arguments.svg.is_some() || arguments.html.is_some() {
        return Ok(Code::Done);
    }
    let width = usize::from(arguments.width);
    let map = collect(root, arguments, width.saturating_sub(show::heat::LABEL + 1))?;
    if arguments.raw {
        put(&show::heat::raw(&map))?;
        return Ok(Code::Done);
    }
    let text = show::heat::picture(&map, output.style, width);
    output.print(Data::Map(map), |_| text)?;
    Ok(Code::Done)
}

fn save(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| file.display().to_string())
}

/// Collects it, in at most so many columns.
///
/// # Errors
///
/// As [`run`].
pub fn collect(root: &Root, arguments: &cli::Map, most: usize) -> Result<Map> {
    let nodes = Nodes::read(root)?;
    let mut table = table::read(root)?;
    table.retain(|line| {
        let near = arguments
            .node
            .is_none_or(|node| nodes.of(line.gib) == Some(node));
        near && arguments
            .range
            .is_none_or(|range: Extent| range.touches(line.gib))
    });
    if table.is_empty() {
        return Err(Failure::error(
            Code::Failed,
            "there is no RAM in that range or node",
        ));
    }
    let columns = columns(&table, &nodes, most.max(1));
    // Without RMPOPT there is no core that could have anything.
    let could = |line: &table::Line| line.note.as_deref() == Some("could be optimised");
    let passive = table
        .iter()
        .all(|line| line.cpus.is_empty() && line.note.is_some());
    let (by, rows) = if passive {
        let row = Row {
            label: "could be".to_owned(),
            cores: 1,
            pairs: pairs(&columns, &table, |line| u64::from(could(line))),
        };
        ("could be", vec![row])
    } else {
        let (by, groups) = groups(root, arguments)?;
        let row = |group: Group| Row {
            label: group.label,
            cores: count(group.cores.len()),
            pairs: pairs(&columns, &table, |line| {
                let has = |core: &&crate::collect::list::List| {
                    core.iter().any(|cpu| line.cpus.contains(cpu))
                };
                count(group.cores.iter().filter(has).count())
            }),
        };
        (by, groups.into_iter().map(row).collect())
    };
    Ok(Map {
        by: by.to_owned(),
        columns,
        rows,
        ram_gib: count(table.len()),
    })
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Of each column what its lines have; `of` is asked once for lines that follow each other and are the same.
fn pairs(columns: &[Column], table: &[table::Line], of: impl Fn(&table::Line) -> u64) -> Vec<u64> {
    let mut lines = table.iter().peekable();
    let mut last: Option<(&table::Line, u64)> = None;
    let mut all = Vec::with_capacity(columns.len());
    for column in columns {
        let mut sum: u64 = 0;
        while let Some(line) = lines.next_if(|line| line.gib <= column.last_gib) {
            let value = match last {
                Some((before, value)) if before.cpus == line.cpus && before.note == line.note => {
                    value
                }
                _ => of(line),
            };
            last = Some((line, value));
            sum = sum.saturating_add(value);
        }
        all.push(sum);
    }
    all
}

/// Contiguous memory, first and last GiB; holes narrower than `hole` are in it.
fn runs(table: &[table::Line], hole: u32) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for line in table {
        match runs.last_mut() {
            Some((_, last)) if line.gib - *last <= hole => *last = line.gib,
            _ => runs.push((line.gib, line.gib)),
        }
    }
    runs
}

/// The columns: all of the same width, the narrowest with which there are at most `most`. A hole that is as wide is
/// a column, however wide it is.
fn columns(table: &[table::Line], nodes: &Nodes, most: usize) -> Vec<Column> {
    let mut width: u32 = 1;
    let runs = loop {
        let runs = runs(table, width);
        let each = |(first, last): &(u32, u32)| u64::from((last - first) / width + 1);
        let needed: u64 = runs.iter().map(each).sum::<u64>() + count(runs.len()) - 1;
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
    let mut lines = table.iter().peekable();
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
            while let Some(line) = lines.next_if(|line| line.gib <= end) {
                column.ram_gib += 1;
                column.node = column.node.or_else(|| nodes.of(line.gib));
            }
            columns.push(column);
            at = end + 1;
        }
    }
    columns
}

/// The rows' cores: by node, or in so many groups of neighbours.
fn groups(root: &Root, arguments: &cli::Map) -> Result<(&'static str, Vec<Group>)> {
    let processor = processor::read(root)?;
    let online = host::online(root)?.unwrap_or_else(|| processor.cpus.clone());
    let cores = super::status::online_cores(&processor, &online);
    let nodes = host::nodes(root)?;
    let by = arguments.by.unwrap_or(if nodes.len() > 1 {
        cli::By::Node
    } else {
        cli::By::Core
    });
    if by == cli::By::Node && !nodes.is_empty() {
        let group = |(node, cpus): (u32, crate::collect::list::List)| Group {
            label: format!("node {node}"),
            cores: {
                let near = |core: &&crate::collect::list::List| {
                    core.first().is_some_and(|cpu| cpus.contains(cpu))
                };
                cores.iter().filter(near).cloned().collect()
            },
        };
        let groups: Vec<Group> = nodes.into_iter().map(group).collect();
        let filled = groups.into_iter().filter(|group| !group.cores.is_empty());
        return Ok(("node", filled.collect()));
    }
    let each = cores.len().div_ceil(usize::from(arguments.rows)).max(1);
    let mut groups = Vec::new();
    let mut first = 0;
    for part in cores.chunks(each) {
        let last = first + part.len() - 1;
        let label = if first == last {
            format!("core {first}")
        } else {
            format!("cores {first}-{last}")
        };
        groups.push(Group {
            label,
            cores: part.to_vec(),
        });
        first = last + 1;
    }
    Ok(("core", groups))
}
