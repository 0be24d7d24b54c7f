// SPDX-License-Identifier: GPL-2.0

//! The part of memory that a core's table spans, and where it lies best.
//!
//! With no more RAM than a table spans all windows are the same. With more, each core gets the
//! window that covers most of the memory that its policy prefers.

use super::region::RamRegion;
use crate::{
    sev::addr::Region,
    sys::codec::coded, //
};

/// Regions that a core's table spans on all processors so far: 2 TiB.
pub(crate) const SPAN: u32 = 2048;

/// The distance of a node to itself in ACPI's SLIT. Others are farther, up to 255.
const LOCAL: u32 = 10;

/// A core's window: `span` regions from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first region.
    pub(crate) first: Region,
    /// The number of regions, 1 to [`SPAN`].
    pub(crate) span: u32,
}

impl Window {
    /// The place of a region in the window, `None` outside of it.
    pub(crate) fn offset(&self, region: Region) -> Option<u32> {
        let offset = region.gib().checked_sub(self.first.gib())?;
        (offset < self.span).then_some(offset)
    }

    /// Whether a region lies in the window.
    pub(crate) fn covers(&self, region: Region) -> bool {
        self.offset(region).is_some()
    }
}

coded! {
    /// What decides where windows lie.
    #[derive(Default)]
    pub(crate) enum Policy {
        /// The most RAM, near memory counting more by NUMA distance.
        #[default]
        Auto = "auto",
        /// From the lowest RAM on, the same for all cores.
        All = "all",
        /// The most RAM of the core's own node, then as [`Policy::Auto`].
        Node = "node",
        /// The most RAM of the core's own socket, then as [`Policy::Auto`].
        Socket = "socket",
    }
}

/// What the planner has to know about NUMA nodes.
pub(crate) trait Nodes {
    /// The distance as in ACPI's SLIT, 10 to itself, more to others.
    fn distance(&self, from: u32, to: u32) -> u32;

    /// The socket of a node. `None` for a node without CPUs.
    fn socket(&self, node: u32) -> Option<u32>;
}

/// What a region of RAM on `to` is worth to a core on `from`.
///
/// The preferred memory of a policy outweighs any amount of other memory that a window can hold.
fn worth(policy: Policy, nodes: &impl Nodes, from: u32, to: u32) -> u64 {
    let near = u64::from((255 * LOCAL) / nodes.distance(from, to).max(LOCAL));
    let preferred = match policy {
        Policy::Auto | Policy::All => false,
        Policy::Node => from == to,
        Policy::Socket => {
            from == to
                || nodes
                    .socket(from)
                    .is_some_and(|s| nodes.socket(to) == Some(s))
        }
    };
    if preferred {
        near.saturating_add(255 * u64::from(SPAN))
    } else {
        near
    }
}

/// The best window of `span` regions for the cores of a node; the lowest one if several are best.
///
/// `None` where there is no RAM. `ram` is ascending.
pub(crate) fn place(
    ram: &[RamRegion],
    span: u32,
    policy: Policy,
    node: u32,
    nodes: &impl Nodes,
) -> Option<Window> {
    let lowest = Window {
        first: ram.first()?.region,
        span,
    };
    if policy == Policy::All || lowest.covers(ram.last()?.region) {
        return Some(lowest);
    }
    // A best window may be shifted up until it begins at a region with RAM. So slide over those, the
    // worth of what lies in the window kept up to date at both ends.
    let mut best = lowest;
    let mut best_worth = 0;
    let mut sum = 0u64;
    let mut behind = ram.iter().peekable();
    for first in ram {
        let window = Window {
            first: first.region,
            span,
        };
        while let Some(entering) = behind.next_if(|r| window.covers(r.region)) {
            sum = sum.saturating_add(worth(policy, nodes, node, entering.node));
        }
        if sum > best_worth {
            best_worth = sum;
            best = window;
        }
        sum = sum.saturating_sub(worth(policy, nodes, node, first.node));
    }
    Some(best)
}
