// SPDX-License-Identifier: GPL-2.0

//! `rmp/segments`: the memory that each segment of the RMP covers, where its entries lie, and the layout's issues.

use crate::{
    engine::{
        host::topology::Topology,
        view::ranges::Ranges,
        Engine, //
    },
    sev::{
        addr::GIB,
        geometry::{
            issue::Issue,
            segmented::Segmented,
            Layout,
            Segment, //
        },
        rmp::Description, //
    },
    sys::{
        debugfs::Text,
        iomem, //
    }, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// Writes `key: value` lines: the form, a `segment` line for each segment, an `issue` line for each issue.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    match Description::read(engine.found()) {
        Ok(rmp) => lines(&engine.survey().topology, &rmp.layout(), out),
        Err(e) => writeln!(
            out,
            "issue: table-unreadable: RMP_BASE {:#x} (error {})",
            engine.found().rmp.base,
            e.to_errno()
        ),
    }
    .map_err(|_| ENOMEM)
}

fn lines(topology: &Topology, layout: &Layout<'_>, out: &mut Text) -> fmt::Result {
    let head = layout.head();
    match layout {
        Layout::Contiguous(_) => writeln!(out, "form: contiguous")?,
        Layout::Segmented(segmented) => form(segmented, out)?,
    }
    writeln!(
        out,
        "head: {:#x}-{:#x} node {}",
        head.start,
        head.last(),
        Node(iomem::described_node(head.start))
    )?;
    for segment in layout.segments() {
        line(topology, &segment, out)?;
    }
    if let Layout::Segmented(segmented) = layout {
        writeln!(out, "unused: {}", Ranges(segmented.unused()))?;
    }
    let mut result = Ok(());
    let ram = topology.ram.iter().map(|ram| ram.region);
    layout.judge(ram, |issue: Issue| {
        if result.is_ok() {
            result = writeln!(out, "issue: {issue}");
        }
    });
    result
}

fn form(segmented: &Segmented<'_>, out: &mut Text) -> fmt::Result {
    writeln!(out, "form: segmented")?;
    match segmented.segment_size() {
        Some(size) => writeln!(out, "segment_size: {} GiB", size / GIB)?,
        None => writeln!(out, "segment_size: none")?,
    }
    writeln!(out, "limit: {} segments", segmented.limit())
}

fn line(topology: &Topology, segment: &Segment, out: &mut Text) -> fmt::Result {
    let Segment {
        index,
        covered,
        entries,
        clamped_from,
    } = segment;
    write!(
        out,
        "segment {index}: covers {:#x}-{:#x} ({} GiB",
        covered.start,
        covered.last(),
        covered.len() / GIB
    )?;
    if let Some(declared) = clamped_from {
        write!(out, ", the table says {declared}")?;
    }
    writeln!(
        out,
        ") nodes {}, entries {:#x}-{:#x} ({} MiB) node {}",
        Nodes { topology, segment },
        entries.start,
        entries.last(),
        entries.len() >> 20,
        Node(iomem::described_node(entries.start))
    )
}

/// Shows a node, or `none` where the firmware names no node.
struct Node(Option<u32>);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(node) => write!(f, "{node}"),
            None => f.write_str("none"),
        }
    }
}

/// Shows the nodes of the RAM that a segment covers, as a list.
struct Nodes<'a> {
    topology: &'a Topology,
    segment: &'a Segment,
}

impl fmt::Display for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let covered = &self.segment.covered;
        let nodes = || {
            let ram = self.topology.ram.iter().filter(|ram| {
                let base = ram.region.base().as_u64();
                covered.start <= base && base < covered.end
            });
            ram.map(|ram| ram.node)
        };
        let end = nodes().max().map_or(0, |last| last.saturating_add(1));
        let present = (0..end).filter(|node| nodes().any(|other| other == *node));
        write!(f, "{}", Ranges(present))
    }
}
