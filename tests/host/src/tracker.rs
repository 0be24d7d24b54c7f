// SPDX-License-Identifier: GPL-2.0

//! A region's count against a model of the probes, in every order of conversions and answers.

use crate::engine::dirty::tracker::{
    contradicts,
    learn,
    Finding,
    Look,
    Pages,
    RegionWord,
    Sight, //
};
use proptest::prelude::*;

/// A number that the probes' header defines.
fn defined(name: &str) -> u64 {
    let header = include_str!("../../../sys/probe/probe.h");
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name))
        .unwrap();
    line.trim().trim_end_matches("ULL").parse().unwrap()
}

/// What the probes' handlers add at a call's entry.
fn enter(state: RegionWord) -> RegionWord {
    RegionWord(state.0.wrapping_add(defined("RMPOPT_IN_FLIGHT")))
}

/// What they add at its exit; `None` for a call that failed.
fn leave(state: RegionWord, pages: Option<i64>) -> RegionWord {
    let shift = defined("RMPOPT_PAGE_SHIFT");
    let conversion = 1u64 << (shift + defined("RMPOPT_PAGES_BITS"));
    let add = pages.map_or(0, |pages| conversion.wrapping_add((pages << shift) as u64));
    let left = state.0.wrapping_sub(defined("RMPOPT_IN_FLIGHT"));
    RegionWord(left.wrapping_add(add))
}

fn convert(state: RegionWord, pages: i64) -> RegionWord {
    leave(enter(state), Some(pages))
}

fn known(pages: i64) -> RegionWord {
    RegionWord::UNKNOWN.with(Pages::Known(pages))
}

#[test]
fn the_first_state_is_unknown_and_quiet() {
    assert_eq!(RegionWord::UNKNOWN.pages(), Pages::Unknown);
    assert!(!RegionWord::UNKNOWN.in_flight());
    assert_eq!(RegionWord::UNKNOWN.conversions(), 0);
}

#[test]
fn the_probes_count_unknown_regions_as_the_state_says() {
    // The probes kick where the number is not positive: always for a region that is unknown.
    let raw = (RegionWord::UNKNOWN.0 >> defined("RMPOPT_PAGE_SHIFT")) as i64;
    let none = 1 << (defined("RMPOPT_PAGES_BITS") - 1);
    assert!(raw + (1 << 18) < none);
    // Where they cannot tell how a call ends, the region becomes unknown.
    assert_eq!(raw, none - defined("RMPOPT_UNKNOWN_BELOW") as i64);
}

#[test]
fn pages_are_counted_in_both_sizes() {
    let state = convert(convert(known(0), 512), 1);
    assert_eq!(state.pages(), Pages::Known(513));
    assert_eq!(state.conversions(), 2);
    let state = convert(convert(state, -1), -512);
    assert_eq!(state.pages(), Pages::Known(0));
    assert_eq!(state.conversions(), 4);
}

#[test]
fn a_failed_call_leaves_nothing_behind() {
    let state = known(7);
    assert_eq!(leave(enter(state), None), state);
    assert!(enter(state).in_flight());
}

#[test]
fn a_split_changes_no_count_but_is_a_conversion() {
    let state = convert(known(512), 0);
    assert_eq!(state.pages(), Pages::Known(512));
    assert_eq!(state.conversions(), 1);
}

#[test]
fn a_region_joins_the_queue_when_it_falls_to_zero_and_leaves_it_with_a_page() {
    let mut look = Look::default();
    assert_eq!(look.add(known(0), 0, 0, 9), Sight::Still);
    assert_eq!(look, Look::default());
    let held = convert(known(0), 1);
    assert_eq!(look.add(held, 0, 5, 9), Sight::Held);
    assert_eq!((look.queued, look.oldest, look.newest), (0, None, Some(5)));
    let empty = convert(held, -1);
    assert_eq!(look.add(empty, 0, 7, 9), Sight::Queued);
    assert_eq!(
        (look.queued, look.oldest, look.newest),
        (1, Some(7), Some(7))
    );
    let again = convert(empty, 512);
    assert_eq!(Look::default().add(again, 0, 8, 9), Sight::Held);
    assert_eq!(
        Look::default().add(empty, empty.conversions(), 7, 9),
        Sight::Still
    );
}

#[test]
fn a_call_in_flight_is_not_quiet_and_not_queued() {
    let mut look = Look::default();
    let state = enter(convert(convert(known(0), 1), -1));
    assert_eq!(look.add(state, 0, 3, 9), Sight::Busy);
    assert_eq!((look.queued, look.newest), (0, Some(9)));
}

#[test]
fn unknown_regions_are_queued_by_any_conversion() {
    for pages in [1, 512, -1, -512, 0] {
        let state = convert(RegionWord::UNKNOWN, pages);
        assert_eq!(state.pages(), Pages::Unknown);
        assert_eq!(Look::default().add(state, 0, 3, 9), Sight::Queued);
    }
}

#[test]
fn the_processor_is_right() {
    let table = [
        (known(0), Finding::Free, None),
        (known(3), Finding::Free, Some(Pages::Known(0))),
        (known(-2), Finding::Free, Some(Pages::Known(0))),
        (RegionWord::UNKNOWN, Finding::Free, Some(Pages::Known(0))),
        (known(3), Finding::Held(Some(9)), None),
        (known(3), Finding::Held(None), None),
        (known(0), Finding::Held(Some(9)), Some(Pages::Known(9))),
        (known(-2), Finding::Held(Some(9)), Some(Pages::Known(9))),
        (known(0), Finding::Held(None), Some(Pages::Unknown)),
        (
            RegionWord::UNKNOWN,
            Finding::Held(Some(9)),
            Some(Pages::Known(9)),
        ),
        (RegionWord::UNKNOWN, Finding::Held(None), None),
    ];
    for (before, answer, after) in table {
        let learned = learn(before, answer);
        assert_eq!(
            learned.map(RegionWord::pages),
            after,
            "{before:?} {answer:?}"
        );
        assert!(learn(enter(before), answer).is_none());
    }
    assert!(contradicts(known(0)));
    assert!(!contradicts(RegionWord::UNKNOWN));
}

#[test]
fn what_is_learned_keeps_the_conversions() {
    let before = convert(convert(RegionWord::UNKNOWN, 1), -1);
    let after = learn(before, Finding::Free).unwrap();
    assert_eq!(after.conversions(), before.conversions());
    assert_eq!(after.pages(), Pages::Known(0));
}

proptest! {
    /// Whatever conversions overlap, the count is their sum, and an answer that came before one of
    /// them is not applied over it.
    #[test]
    fn overlapping_calls_add_up(calls in proptest::collection::vec((any::<bool>(), -512i64..=512), 1..200)) {
        let mut state = known(0);
        let mut open = Vec::new();
        let mut sum = 0;
        let mut done = 0u32;
        for (enters, pages) in calls {
            if enters || open.is_empty() {
                open.push(pages);
                state = enter(state);
            } else {
                let pages = open.swap_remove(0);
                sum += pages;
                done += 1;
                state = leave(state, Some(pages));
            }
            prop_assert_eq!(state.pages(), Pages::Known(sum));
            prop_assert_eq!(state.in_flight(), !open.is_empty());
            prop_assert_eq!(state.conversions(), done);
        }
    }

    /// All of a region's pages go and come without the unknown becoming known.
    #[test]
    fn unknown_stays_unknown(pages in proptest::collection::vec(-512i64..=512, 0..512)) {
        let state = pages.iter().fold(RegionWord::UNKNOWN, |s, p| convert(s, *p));
        prop_assert_eq!(state.pages(), Pages::Unknown);
    }
}
