// SPDX-License-Identifier: GPL-2.0

//! `advise --what-if`: what would be free if the guests' pages of some GiBs lay elsewhere on their nodes.
//!
//! Reckoned from `rmp/occupancy` alone, so that it works on a saved state. Nothing is moved.

use crate::{
    collect::{list::List, rmp::Occupancy},
    exit::{Code, Failure},
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Pages of a GiB.
const PAGES: u64 = 1 << 18;

/// What would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WhatIf {
    /// The GiBs of which the pages are taken to be elsewhere.
    pub gibs: List,
    /// GiBs with RAM and without assigned pages, now.
    pub free_gib: u64,
    /// The same, then.
    pub then_free_gib: u64,
    /// By node.
    pub nodes: BTreeMap<u32, Node>,
}

/// A node's part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Node {
    /// GiBs with RAM.
    pub ram_gib: u64,
    /// Of these, without assigned pages, now.
    pub free_gib: u64,
    /// The same, then.
    pub then_free_gib: u64,
    /// 4 KiB pages that would have to be elsewhere.
    pub pages: u64,
    /// 4 KiB pages that are not assigned, of the node's GiBs that stay held: there is no more room than that.
    pub room: u64,
    /// GiBs that would be held instead, for what finds no room.
    pub more_held_gib: u64,
}

/// Which GiBs are meant.
#[derive(Clone, Debug)]
pub enum Which {
    /// Those that `advise` names.
    Best,
    /// These.
    These(List),
}

/// For clap.
///
/// # Errors
///
/// Not a list, or an empty one.
pub fn parse(text: &str) -> Result<Which> {
    if text == BEST {
        return Ok(Which::Best);
    }
    let list = List::parse(text)?;
    match list.is_empty() {
        true => Err(anyhow::anyhow!("no GiB is named")),
        false => Ok(Which::These(list)),
    }
}

/// What stands for the best ones.
pub const BEST: &str = "best";

/// Reckons it.
///
/// # Errors
///
/// [`Code::Refused`]: no guest alone holds a GiB that is named.
pub fn reckon(occupancy: &[Occupancy], gibs: List) -> Result<WhatIf> {
    for gib in gibs.iter() {
        let found = occupancy.iter().find(|o| o.gib == gib);
        let why = match found {
            None => "has no RAM",
            Some(o) if o.held_by.is_empty() => "holds no assigned page",
            Some(o) if super::advise::by_guests(o) => continue,
            Some(_) => "is held by the RMP or the firmware, whatever guests do",
        };
        return Err(Failure::error(Code::Refused, format!("GiB {gib} {why}")));
    }
    let mut nodes: BTreeMap<u32, Node> = BTreeMap::new();
    for o in occupancy {
        let node = nodes.entry(o.node).or_default();
        node.ram_gib += 1;
        if o.held_by.is_empty() {
            node.free_gib += 1;
            node.then_free_gib += 1;
        } else if gibs.contains(o.gib) {
            node.then_free_gib += 1;
            node.pages = node.pages.saturating_add(o.guest);
        } else {
            let assigned = o.guest.saturating_add(o.firmware);
            let room = PAGES.saturating_sub(assigned);
            node.room = node.room.saturating_add(room);
        }
    }
    for node in nodes.values_mut() {
        let rest = node.pages.saturating_sub(node.room);
        node.more_held_gib = rest.div_ceil(PAGES).min(node.then_free_gib);
        node.then_free_gib -= node.more_held_gib;
    }
    Ok(WhatIf {
        gibs,
        free_gib: nodes.values().map(|node| node.free_gib).sum(),
        then_free_gib: nodes.values().map(|node| node.then_free_gib).sum(),
        nodes,
    })
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by them")]
mod tests {
    use super::{reckon, Node};
    use crate::collect::{list::List, rmp::Occupancy};

    fn gib(gib: u32, node: u32, guest: u64, held_by: &[&str]) -> Occupancy {
        Occupancy {
            gib,
            node,
            guest,
            firmware: 0,
            held_by: held_by.iter().map(|who| (*who).to_owned()).collect(),
        }
    }

    /// Pages go where there is room on their node, and into a GiB that was free where there is none.
    #[test]
    fn pages_stay_on_their_node() {
        let all = [
            gib(0, 0, 0, &[]),
            gib(1, 0, 7, &["guest"]),
            gib(2, 0, (1 << 18) - 7, &["guest"]),
            gib(3, 1, 20, &["guest"]),
            gib(4, 1, 30, &["guest"]),
            gib(5, 1, 0, &[]),
        ];
        let what = reckon(&all, List::of([1, 3, 4])).expect("it is reckoned");
        assert_eq!((what.free_gib, what.then_free_gib), (2, 4));
        let first = Node {
            ram_gib: 3,
            free_gib: 1,
            then_free_gib: 2,
            pages: 7,
            room: 7,
            more_held_gib: 0,
        };
        let second = Node {
            ram_gib: 3,
            free_gib: 1,
            then_free_gib: 2,
            pages: 50,
            room: 0,
            more_held_gib: 1,
        };
        assert_eq!(what.nodes.get(&0), Some(&first));
        assert_eq!(what.nodes.get(&1), Some(&second));
    }

    #[test]
    fn only_what_guests_hold() {
        let all = [
            gib(0, 0, 0, &[]),
            gib(1, 0, 5, &["guest", "rmp"]),
            gib(2, 0, 5, &["guest"]),
        ];
        for other in [0, 1, 3] {
            assert!(reckon(&all, List::of([other])).is_err(), "{other}");
        }
        assert!(reckon(&all, List::of([2])).is_ok());
    }
}
