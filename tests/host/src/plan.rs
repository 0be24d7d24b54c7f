// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::{
        host::{
            region::RamRegion,
            window::Window, //
        },
        pass::plan::{
            leaders,
            start,
            PlanCore, //
        }, //
    },
    sev::addr::Region, //
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn region(gib: u32, node: u32) -> RamRegion {
    RamRegion {
        region: Region::new(gib).unwrap(),
        node,
    }
}

fn core(node: u32, first: u32, span: u32) -> PlanCore {
    PlanCore {
        node,
        window: Some(Window {
            first: Region::new(first).unwrap(),
            span,
        }),
    }
}

fn plan(ram: &[RamRegion], cores: &[PlanCore]) -> Vec<Option<u16>> {
    let mut out = vec![None; ram.len()];
    leaders(ram, |_| true, || cores.iter().copied(), &mut out);
    out
}

#[test]
fn one_leader_per_node() {
    let ram = [region(0, 0), region(1, 0), region(4, 1), region(5, 1)];
    let cores = [
        core(0, 0, 64),
        core(0, 0, 64),
        core(1, 0, 64),
        core(1, 0, 64),
    ];
    assert_eq!(plan(&ram, &cores), [Some(0), Some(0), Some(2), Some(2)]);
}

#[test]
fn a_large_node_has_a_leader_for_each_64_cores() {
    let ram: Vec<_> = (0..12).map(|gib| region(gib, 0)).collect();
    let cores = vec![core(0, 0, 64); 130];
    let chosen = plan(&ram, &cores);
    assert_eq!(chosen[..4], [Some(0), Some(64), Some(128), Some(0)]);
    assert_eq!(plan(&ram, &cores[..64])[..3], [Some(0); 3]);
}

#[test]
fn what_is_not_wanted_has_no_leader() {
    let ram = [region(0, 0), region(1, 0)];
    let mut out = vec![Some(9); 2];
    leaders(
        &ram,
        |place| place == 1,
        || [core(0, 0, 64)].into_iter(),
        &mut out,
    );
    assert_eq!(out, [None, Some(0)]);
}

#[test]
fn a_node_without_cores_is_led_from_elsewhere() {
    let ram = [region(0, 0), region(1, 7)];
    assert_eq!(plan(&ram, &[core(0, 0, 64)]), [Some(0), Some(0)]);
}

#[test]
fn cores_that_cannot_work_do_not_lead() {
    let out = PlanCore {
        node: 0,
        window: None,
    };
    let ram = [region(0, 0)];
    assert_eq!(plan(&ram, &[out, core(0, 0, 64)]), [Some(1)]);
    assert_eq!(plan(&ram, &[out]), [None]);
}

#[test]
fn what_no_window_covers_has_no_leader() {
    let ram = [region(0, 0), region(3, 0), region(9, 0)];
    let cores = [core(0, 0, 4), core(1, 8, 4)];
    assert_eq!(plan(&ram, &cores), [Some(0), Some(0), Some(1)]);
    assert_eq!(plan(&ram, &cores[..1]), [Some(0), Some(0), None]);
}

#[test]
fn starting_points_differ_as_long_as_there_are_enough_regions() {
    let points: BTreeSet<_> = (0..8).map(|i| start(i, 8, 204)).collect();
    assert_eq!(points.len(), 8);
    assert_eq!(start(0, 0, 5), 0);
    assert_eq!(start(usize::MAX, 2, 5), 0);
}

#[test]
fn starting_points_are_as_far_apart_as_can_be() {
    for count in [1, 2, 3, 7, 8, 16, 64, 100, 512] {
        for regions in [1, 2, 8, 13, 204, 606, 2047, 2048, 12_288] {
            let points: Vec<_> = (0..count).map(|i| start(i, count, regions)).collect();
            // The last one's neighbour is the first one, on the next round.
            let next = points[1..].iter().copied().chain([points[0] + regions]);
            let nearest = points.iter().zip(next).map(|(a, b)| b - a).min();
            assert_eq!(nearest, Some(regions / count), "{count} in {regions}");
        }
    }
}

proptest! {
    /// A leader covers what it leads, and no region goes without that some core covers.
    #[test]
    fn leaders_cover(
        gibs in prop::collection::btree_set((0u32..64, 0u32..3), 1..40),
        cores in prop::collection::vec((0u32..3, 0u32..64, 1u32..64, any::<bool>()), 1..12),
    ) {
        let mut ram: Vec<_> = gibs.into_iter().map(|(gib, node)| region(gib, node)).collect();
        ram.dedup_by_key(|r| r.region);
        let cores: Vec<_> = cores
            .into_iter()
            .map(|(node, first, span, on)| {
                let c = core(node, first, span);
                PlanCore { window: c.window.filter(|_| on), ..c }
            })
            .collect();
        for (r, leader) in ram.iter().zip(plan(&ram, &cores)) {
            let covers = |c: &PlanCore| c.window.is_some_and(|w| w.covers(r.region));
            match leader {
                Some(i) => {
                    let chosen = &cores[i as usize];
                    prop_assert!(covers(chosen));
                    let near = cores.iter().any(|c| c.node == r.node && covers(c));
                    prop_assert!(!near || chosen.node == r.node);
                }
                None => prop_assert!(!cores.iter().any(covers)),
            }
        }
    }
}
