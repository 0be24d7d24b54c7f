// SPDX-License-Identifier: GPL-2.0

//! Who does what in a pass: a leader for each region, a starting point for each follower.

use super::{
    region::RamRegion,
    window::Window, //
};

/// A core as the planner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanCore {
    /// The NUMA node of the core.
    pub(crate) node: u32,
    /// Its window. `None` while the core cannot run RMPOPT.
    pub(crate) window: Option<Window>,
}

/// Chooses the core that verifies each region first: one core per node leads all of the node's
/// regions, because a segment of the RMP lies on the node of its memory.
///
/// `leaders[i]` becomes the index of the core for `ram[i]`, `None` where no core's window covers
/// it. The first core of the node is preferred, then any core that leads already, then any core.
/// `cores` yields the cores in the order of their indices, as often as it is called.
pub(crate) fn leaders<I>(ram: &[RamRegion], cores: impl Fn() -> I, leaders: &mut [Option<u32>])
where
    I: Iterator<Item = PlanCore>,
{
    // The last leader that is on the node of what it leads: neighbours nearly always share it.
    let mut last: Option<(u32, u32, Window)> = None;
    for (region, leader) in ram.iter().zip(leaders.iter_mut()) {
        if let Some((node, core, window)) = last {
            if node == region.node && window.covers(region.region) {
                *leader = Some(core);
                continue;
            }
        }
        let covering = || {
            (0u32..)
                .zip(cores())
                .filter_map(|(i, core)| Some((i, core.node, core.window?)))
                .filter(|(_, _, window)| window.covers(region.region))
        };
        let chosen = covering()
            .find(|(_, node, _)| *node == region.node)
            .or_else(|| covering().next());
        *leader = chosen.map(|(i, _, _)| i);
        last = chosen
            .filter(|(_, node, _)| *node == region.node)
            .map(|(i, node, window)| (node, i, window));
    }
}

/// The place in a list of `regions` at which follower `index` of `count` starts, so that followers
/// of the same speed never meet.
pub(crate) fn start(index: usize, count: usize, regions: usize) -> usize {
    index
        .checked_mul(regions)
        .and_then(|n| n.checked_div(count))
        .unwrap_or(0)
}
