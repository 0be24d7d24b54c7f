// SPDX-License-Identifier: GPL-2.0

//! Plans a pass: chooses a leader for each region and a starting place for each follower.

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
    /// The core's window. `None` while the core cannot execute RMPOPT or does not take part.
    pub(crate) window: Option<Window>,
}

/// The number of cores per leader of a node. A node with up to this number of cores has one leader. A larger node,
/// which has more memory to verify, gets one more leader for each further group of this number of cores.
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
    /// Every [`CORES_PER_LEADER`]th of the node's cores that have a window, beginning with the first.
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

    /// The member that leads a region, if the member's window covers the region. Regions go round the members.
    fn leader(&self, region: Region) -> Option<u16> {
        let turn = region.gib().checked_rem(self.size)? as usize;
        let (core, window) = (*self.members.get(turn)?)?;
        window.covers(region).then_some(core)
    }
}

/// Chooses the core that verifies each of the `wanted` places of `ram` first.
///
/// Cores of a node lead the regions of that node, because a segment of the RMP lies on the node of its memory.
/// Where the windows of the node's leaders do not cover a region, the first core of the node whose window covers
/// it leads it; where there is no such core, the first core of any node whose window covers it.
///
/// `leaders[i]` becomes the index of the core that leads `ram[i]`; `None` where no core's window covers the region
/// or `wanted(i)` is false. Each call of `cores` returns the cores in the order of their indices. An index has 16
/// bits, because there is one for each region: no kernel has more than 8192 CPUs.
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

/// The place in a list of `regions` regions at which follower `index` of `count` followers starts: followers that
/// start apart and are equally fast never attempt the same region at the same time.
pub(crate) fn start(index: usize, count: usize, regions: usize) -> usize {
    index
        .checked_mul(regions)
        .and_then(|n| n.checked_div(count))
        .unwrap_or(0)
}
