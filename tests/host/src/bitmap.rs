// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::bitmap::Bits,
    words::zeroed, //
};
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    /// A bitmap behaves as a set.
    #[test]
    fn as_a_set(ops in prop::collection::vec((0usize..200, any::<bool>()), 0..100), start in 0usize..260) {
        let words = zeroed(200);
        let bits = Bits(&words);
        let mut set = BTreeSet::new();
        for (bit, on) in ops {
            if on {
                prop_assert_eq!(bits.set(bit), !set.insert(bit));
            } else {
                prop_assert_eq!(bits.clear(bit), set.remove(&bit));
            }
        }
        prop_assert_eq!(bits.count(), set.len());
        prop_assert_eq!(bits.empty(), set.is_empty());
        prop_assert_eq!(bits.next(start), set.range(start..).next().copied());
        let round: Vec<_> = bits.iter_from(start).collect();
        let expected: Vec<_> = set.range(start..).chain(set.range(..start)).copied().collect();
        prop_assert_eq!(round, expected);
    }

    /// So does a part of it.
    #[test]
    fn in_a_range_as_a_set(set in prop::collection::btree_set(0usize..200, 0..60),
                           begin in 0usize..210, length in 0usize..210, start in 0usize..260) {
        let words = zeroed(200);
        let bits = Bits(&words);
        for bit in &set {
            bits.set(*bit);
        }
        let range = begin..begin + length;
        let inside: Vec<_> = set.iter().copied().filter(|bit| range.contains(bit)).collect();
        let from = if range.contains(&start) { start } else { begin };
        let (before, after): (Vec<usize>, Vec<usize>) = inside.iter().partition(|bit| **bit < from);
        let round: Vec<_> = bits.iter_in(range, start).collect();
        prop_assert_eq!(round, [after, before].concat());
    }

    #[test]
    fn fill_sets_what_is_below(count in 0usize..300) {
        let words = zeroed(192);
        let bits = Bits(&words);
        bits.fill(count);
        prop_assert_eq!(bits.count(), count.min(192));
        prop_assert!(!bits.test(count));
        bits.wipe();
        prop_assert!(bits.empty());
    }
}

#[test]
fn beyond_the_end_nothing_is_set() {
    let words = zeroed(64);
    let bits = Bits(&words);
    assert!(!bits.set(64));
    assert!(!bits.test(64));
    assert!(bits.empty());
}

#[test]
fn bits_that_are_cleared_on_the_way_are_not_seen_again() {
    let words = zeroed(128);
    let bits = Bits(&words);
    bits.fill(128);
    let seen: Vec<_> = bits
        .iter_from(70)
        .inspect(|bit| {
            bits.clear(*bit);
        })
        .collect();
    assert_eq!(seen.len(), 128);
    assert!(bits.empty());
}
