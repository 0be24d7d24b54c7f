// SPDX-License-Identifier: GPL-2.0

//! Who does what in a pass: a leader for each region, a starting point for each follower.

use crate::{
    engine::host::{
        region::RamRegion,
        window::Window, //
    },
    sev::addr::Region, //
};

/// A core as the planner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanCore {
    /// The NUMA node of the core.
    pub(crate) node: u32,
    /// Its window. `None` while the core cannot run RMPOPT.
    pub(crate) window: Option<Window>,
}

/// How many cores of a node share one leader. One is enough for a node of this size; a larger one,
/// which has more memory to verify, gets another leader for each as many cores.
const CORES_PER_LEADER: usize = 64;

/// The most leaders that a node gets.
const LEADERS: usize = 16;

/// The leaders of one node.
struct Team {
    node: u32,
    members: [Option<(u16, Window)>; LEADERS],
    size: u32,
}

impl Team {
    /// Every [`CORES_PER_LEADER`]th of the node's cores that can work, beginning with the first.
    fn of(node: u32, cores: impl Iterator<Item = PlanCore>) -> Self {
        let mut team = Self {
            node,
            members: [None; LEADERS],
            size: 0,
        };
        let able = (0..=u16::MAX)
            .zip(cores)
            .filter(|(_, core)| core.node == node)
            .filter_map(|(i, core)| Some((i, core.window?)));
        for (slot, member) in team.members.iter_mut().zip(able.step_by(CORES_PER_LEADER)) {
            *slot = Some(member);
            team.size = team.size.saturating_add(1);
        }
        team
    }

    /// The member whose turn a region is, if its window covers it.
    fn leader(&self, region: Region) -> Option<u16> {
        let turn = region.gib().checked_rem(self.size)? as usize;
        let (core, window) = (*self.members.get(turn)?)?;
        window.covers(region).then_some(core)
    }
}

/// Chooses the core that verifies each of the `wanted` places of `ram` first.
///
/// Each node's regions are led by cores of that node, because a segment of the RMP lies on the node
/// of its memory. Where the node's leaders do not cover a region, the first core of the node that
/// does leads it, else the first core of all that does. `leaders[i]` becomes the index of the core
/// for `ram[i]`, `None` where no core's window covers it or it is not wanted. `cores` yields the
/// cores in the order of their indices, as often as it is called.
///
/// There is an index for each region, so it is a small one: no kernel has more than 8192 CPUs.
pub(crate) fn leaders<I>(
    ram: &[RamRegion],
    wanted: impl Fn(usize) -> bool,
    cores: impl Fn() -> I,
    leaders: &mut [Option<u16>],
) where
    I: Iterator<Item = PlanCore>,
{
    let mut team: Option<Team> = None;
    for (place, (ram, leader)) in ram.iter().zip(leaders.iter_mut()).enumerate() {
        *leader = None;
        if !wanted(place) {
            continue;
        }
        let team = match &mut team {
            Some(team) if team.node == ram.node => team,
            other => other.insert(Team::of(ram.node, cores())),
        };
        *leader = team.leader(ram.region).or_else(|| {
            let covering = || {
                (0..=u16::MAX)
                    .zip(cores())
                    .filter(|(_, core)| core.window.is_some_and(|w| w.covers(ram.region)))
            };
            let near = covering().find(|(_, core)| core.node == ram.node);
            near.or_else(|| covering().next()).map(|(i, _)| i)
        });
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
