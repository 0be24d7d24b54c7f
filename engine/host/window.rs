// SPDX-License-Identifier: GPL-2.0

//! The window of a core, which is the part of memory that its table spans, and the choice of its place.
//!
//! Where one table spans all of RAM, all windows are the same. Where there is more RAM, each core gets the window
//! that covers most of the memory that the policy prefers.

use super::region::RamRegion;
use crate::{
    sev::addr::Region,
    sys::codec::coded, //
};

/// The number of regions that a core's table spans on all known processors: 2 TiB.
pub(crate) const SPAN: u32 = 2048;

/// The distance of a node to itself in ACPI's SLIT. The distance to other nodes is larger, up to 255.
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
    /// The place of a region in the window. `None` where the region lies outside the window.
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
    /// The policy that places the windows of cores.
    #[derive(Default)]
    pub(crate) enum Policy {
        /// The window covers the most RAM. Memory counts more the nearer it is by NUMA distance.
        #[default]
        Auto = "auto",
        /// All windows begin at the lowest RAM.
        All = "all",
        /// The window covers the most RAM of the core's own node. Other memory counts as with [`Policy::Auto`].
        Node = "node",
        /// The window covers the most RAM of the core's own socket. Other memory counts as with [`Policy::Auto`].
        Socket = "socket",
    }
}

/// What [`place`] must know about NUMA nodes.
pub(crate) trait Nodes {
    /// The distance between two nodes as in ACPI's SLIT: 10 from a node to itself, more to other nodes.
    fn distance(&self, from: u32, to: u32) -> u32;

    /// The socket of a node. `None` for a node without CPUs.
    fn socket(&self, node: u32) -> Option<u32>;
}

/// The weight of a region of RAM on node `to` for a core on node `from`.
///
/// One region that the policy prefers outweighs all other regions that a window can hold.
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

/// The best window of `span` regions for the cores of a node; the lowest of several equally good windows.
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
    // Some best window begins at a region with RAM: any other can be shifted up to the next such region without
    // losing RAM. So the loop tries a window from each region with RAM on; `sum` is the weight of the regions in
    // it, updated at both ends.
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
