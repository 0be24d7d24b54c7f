// SPDX-License-Identifier: GPL-2.0

//! `map`: memory against the cores that skip its checks.

use super::{
    columns::{self, Column},
    timeline::{self, Wanted},
};
use crate::{
    cli,
    collect::{extent::Extent, host, memory::Nodes, processor, table, time::ms, Root},
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
    if let Some(record) = &arguments.time {
        return in_time(output, arguments, record);
    }
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
    let map = collect(root, arguments, width.saturating_sub(show::grid::LABEL + 1))?;
    if arguments.raw {
        put(&show::heat::raw(&map))?;
        return Ok(Code::Done);
    }
    let text = show::heat::picture(&map, output.style, width);
    output.print(Data::Map(map), |_| text)?;
    Ok(Code::Done)
}

/// The same of a record: memory against time. Neither the module nor this host matters.
fn in_time(output: &Output, arguments: &cli::Map, record: &Path) -> Result<Code> {
    let width = usize::from(arguments.width);
    let wanted = Wanted {
        from: arguments.from.map(ms),
        until: arguments.until.map(ms),
        columns: width.saturating_sub(show::grid::LABEL + 1),
        rows: usize::from(arguments.rows),
        range: arguments.range,
        node: arguments.node,
        at: None,
    };
    let drawn = Wanted {
        columns: show::timeline_svg::COLUMNS,
        rows: show::timeline_svg::ROWS,
        ..wanted.clone()
    };
    if let Some(file) = &arguments.svg {
        let (timeline, _) = timeline::collect(record, &drawn)?;
        save(file, &show::timeline_svg::picture(&timeline))?;
    }
    if let Some(file) = &arguments.html {
        let (timeline, _) = timeline::collect(record, &drawn)?;
        save(file, &show::timeline_svg::page(&timeline))?;
    }
    if arguments.svg.is_some() || arguments.html.is_some() {
        return Ok(Code::Done);
    }
    let (timeline, _) = timeline::collect(record, &wanted)?;
    if arguments.raw {
        put(&show::timeline::raw(&timeline))?;
        return Ok(Code::Done);
    }
    let text = show::timeline::picture(&timeline, output.style, width);
    output.print(Data::Replay(timeline), |_| text)?;
    Ok(Code::Done)
}

/// Whether the processor has no RMPOPT: then there is no core that could have anything.
pub fn passive(table: &[table::Line]) -> bool {
    table
        .iter()
        .all(|line| line.cpus.is_empty() && line.note.is_some())
}

/// Whether a processor with RMPOPT could optimise the GiB.
pub fn could(line: &table::Line) -> bool {
    line.note.as_deref() == Some("could be optimised")
}

/// Writes a picture.
///
/// # Errors
///
/// The file cannot be written.
pub fn save(file: &Path, text: &str) -> Result<()> {
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
    let gibs: Vec<_> = table
        .iter()
        .map(|line| (line.gib, nodes.of(line.gib)))
        .collect();
    let columns = columns::make(&gibs, most.max(1));
    let (by, rows) = if passive(&table) {
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
