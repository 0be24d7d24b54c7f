// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::host::{
        region::RamRegion,
        window::{
            place,
            Nodes,
            Policy,
            Window, //
        }, //
    },
    sev::addr::Region, //
};
use proptest::prelude::*;

/// Nodes of which `per_socket` share a socket, with the distances that firmware usually gives.
struct Host {
    per_socket: u32,
}

impl Nodes for Host {
    fn distance(&self, from: u32, to: u32) -> u32 {
        if from == to {
            10
        } else if self.socket(from) == self.socket(to) {
            12
        } else {
            32
        }
    }

    fn socket(&self, node: u32) -> Option<u32> {
        (node < 100).then_some(node / self.per_socket)
    }
}

/// Nodes of `size` regions each, one after the other.
fn flat(nodes: u32, size: u32) -> Vec<RamRegion> {
    (0..nodes * size)
        .map(|gib| RamRegion {
            region: Region::new(gib).unwrap(),
            node: gib / size,
        })
        .collect()
}

fn first(ram: &[RamRegion], span: u32, policy: Policy, node: u32) -> u32 {
    let window = place(ram, span, policy, node, &Host { per_socket: 2 }).unwrap();
    assert_eq!(window.span, span);
    window.first.gib()
}

#[test]
fn offsets_of_what_it_covers() {
    let window = Window {
        first: Region::new(10).unwrap(),
        span: 4,
    };
    let offset = |gib| window.offset(Region::new(gib).unwrap());
    assert_eq!(offset(9), None);
    assert_eq!(offset(10), Some(0));
    assert_eq!(offset(13), Some(3));
    assert_eq!(offset(14), None);
}

#[test]
fn what_fits_is_one_window() {
    let ram = flat(4, 512);
    for policy in Policy::ALL {
        for node in 0..4 {
            assert_eq!(first(&ram, 2048, policy, node), 0);
        }
    }
}

#[test]
fn without_ram_there_is_no_window() {
    assert_eq!(
        place(&[], 4, Policy::Auto, 0, &Host { per_socket: 1 }),
        None
    );
}

#[test]
fn all_begins_at_the_lowest_ram() {
    let mut ram = flat(4, 1024);
    ram.drain(..3);
    assert_eq!(first(&ram, 2048, Policy::All, 3), 3);
}

#[test]
fn each_socket_of_two_covers_its_own_memory() {
    // Two sockets with two nodes of 1 TiB each: a window is exactly a socket's memory.
    let ram = flat(4, 1024);
    for policy in [Policy::Auto, Policy::Socket] {
        assert_eq!(first(&ram, 2048, policy, 0), 0, "{policy:?}");
        assert_eq!(first(&ram, 2048, policy, 1), 0, "{policy:?}");
        assert_eq!(first(&ram, 2048, policy, 2), 2048, "{policy:?}");
        assert_eq!(first(&ram, 2048, policy, 3), 2048, "{policy:?}");
    }
}

#[test]
fn node_prefers_its_own_over_its_sockets_memory() {
    // Node 1 is larger than a window: its cores see nothing but it.
    let ram = flat(3, 3000);
    assert_eq!(first(&ram, 2048, Policy::Node, 1), 3000);
    assert_eq!(first(&ram, 2048, Policy::Node, 2), 6000);
}

#[test]
fn node_fills_up_with_the_nearest() {
    // 1 TiB of its own: the window takes it all, and the neighbour on the same socket.
    let ram = flat(4, 1024);
    assert_eq!(first(&ram, 1536, Policy::Node, 1), 512);
    assert_eq!(first(&ram, 1536, Policy::Node, 2), 2048);
}

#[test]
fn a_node_without_ram_takes_what_is_near() {
    let mut ram = flat(4, 1024);
    ram.retain(|r| r.node != 3);
    assert_eq!(first(&ram, 1024, Policy::Node, 3), 2048);
    assert_eq!(first(&ram, 1024, Policy::Socket, 3), 2048);
}

#[test]
fn holes_do_not_count() {
    // Little RAM low, a hole, more RAM high up.
    let ram: Vec<_> = (0..4)
        .chain(100..110)
        .map(|gib| RamRegion {
            region: Region::new(gib).unwrap(),
            node: 0,
        })
        .collect();
    assert_eq!(first(&ram, 12, Policy::Auto, 0), 100);
}

#[test]
fn memory_only_nodes_share_no_socket() {
    let mut ram = flat(2, 64);
    ram.extend((200..264).map(|gib| RamRegion {
        region: Region::new(gib).unwrap(),
        node: 100,
    }));
    assert_eq!(first(&ram, 64, Policy::Socket, 0), 0);
    assert_eq!(first(&ram, 64, Policy::Node, 100), 200);
}

proptest! {
    /// No other window is worth more.
    #[test]
    fn best(
        gibs in prop::collection::btree_map(0u32..120, 0u32..4, 1..60),
        span in 1u32..60,
        node in 0u32..4,
        policy in prop::sample::select(vec![Policy::Auto, Policy::Node, Policy::Socket]),
    ) {
        let host = Host { per_socket: 2 };
        let ram: Vec<_> = gibs
            .iter()
            .map(|(gib, node)| RamRegion { region: Region::new(*gib).unwrap(), node: *node })
            .collect();
        let worth = |window: &Window| -> u64 {
            ram.iter()
                .filter(|r| window.covers(r.region))
                .map(|r| {
                    let near = u64::from(2550 / host.distance(node, r.node));
                    let own = match policy {
                        Policy::Node => r.node == node,
                        Policy::Socket => host.socket(r.node) == host.socket(node),
                        _ => false,
                    };
                    if own { near + 1_000_000 } else { near }
                })
                .sum()
        };
        let chosen = place(&ram, span, policy, node, &host).unwrap();
        for gib in 0..120 {
            let other = Window { first: Region::new(gib).unwrap(), span };
            prop_assert!(worth(&other) <= worth(&chosen), "{gib}");
        }
    }
}
