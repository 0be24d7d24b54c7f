// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::host::region::{
        index_of,
        places,
        RamRegion,
        Splitter, //
    },
    sev::addr::{
        Region,
        GIB, //
    }, //
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn split(ranges: &[(u64, u64)]) -> Vec<u32> {
    let mut splitter = Splitter::default();
    let mut out = Vec::new();
    for (start, end) in ranges {
        splitter
            .add(*start, *end, |region| {
                out.push(region.gib());
                Ok::<(), ()>(())
            })
            .unwrap();
    }
    out
}

#[test]
fn a_pc() {
    // The first range of every PC, the hole below 4 GiB, and the rest.
    let ranges = [
        (0x1000, 0x9_ffff),
        (0x10_0000, 0x7fff_ffff),
        (4 * GIB, 9 * GIB - 1),
    ];
    assert_eq!(split(&ranges), [0, 1, 4, 5, 6, 7, 8]);
}

#[test]
fn ranges_that_share_a_region_report_it_once() {
    let ranges = [
        (GIB + 0x5000, 2 * GIB + 0x1000),
        (2 * GIB + 0x4000, 2 * GIB + 0x5000),
    ];
    assert_eq!(split(&ranges), [1, 2]);
}

#[test]
fn regions_are_found_again() {
    let ram = [3, 9].map(|gib| RamRegion {
        region: Region::new(gib).unwrap(),
        node: 0,
    });
    assert_eq!(index_of(&ram, Region::new(9).unwrap()), Some(1));
    assert_eq!(index_of(&ram, Region::new(4).unwrap()), None);
}

#[test]
fn a_window_covers_the_places_of_its_regions() {
    let ram = [3, 9, 10, 700].map(|gib| RamRegion {
        region: Region::new(gib).unwrap(),
        node: 0,
    });
    let covered = |first, span| places(&ram, Region::new(first).unwrap(), span);
    assert_eq!(covered(3, 7), 0..2);
    assert_eq!(covered(3, 8), 0..3);
    assert_eq!(covered(4, 2048), 1..4);
    assert_eq!(covered(10, 1), 2..3);
    assert!(covered(11, 100).is_empty());
    assert!(covered(0, 3).is_empty());
    assert!(covered(701, u32::MAX).is_empty());
    assert!(places(&[], Region::new(0).unwrap(), 2048).is_empty());
}

#[test]
fn beyond_the_address_space_there_is_nothing() {
    assert_eq!(split(&[(1 << 52, u64::MAX)]), [0u32; 0]);
    let last = (1u64 << 52) - GIB;
    assert_eq!(split(&[(last, u64::MAX)]), [(1 << 22) - 1]);
}

#[test]
fn an_error_of_the_taker_is_passed_on() {
    let mut splitter = Splitter::default();
    assert_eq!(splitter.add(0, GIB, |_| Err(7)), Err(7));
}

proptest! {
    /// Whatever the map is, each touched region comes once, in ascending order.
    #[test]
    fn once_and_ascending(mut cuts in prop::collection::vec(0u64..40 * GIB, 0..20)) {
        cuts.sort_unstable();
        cuts.dedup();
        let ranges: Vec<_> = cuts.chunks_exact(2).map(|c| (c[0], c[1] - 1)).collect();
        let got = split(&ranges);
        let expected: BTreeSet<_> = ranges
            .iter()
            .flat_map(|(s, e)| s / GIB..=e / GIB)
            .map(|gib| u32::try_from(gib).unwrap())
            .collect();
        prop_assert_eq!(got, expected.into_iter().collect::<Vec<_>>());
    }
}
