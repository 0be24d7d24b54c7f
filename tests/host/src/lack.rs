// SPDX-License-Identifier: GPL-2.0

//! Whether a core lacks a free region, and that the question costs nothing outside its window.

use crate::{
    engine::{
        bitmap::{
            words,
            Bits,
            Word, //
        },
        host::{
            region::RamRegion,
            window::Window, //
        },
        pass::lack::lacks_any, //
    },
    sev::addr::Region,
    words::zeroed, //
};
use std::cell::Cell;

/// GiBs of RAM, 0 and up.
const GIBS: u32 = 60_000;

fn ram() -> Vec<RamRegion> {
    let region = |gib| Region::new(gib).unwrap();
    let ram = |gib| RamRegion {
        region: region(gib),
        node: 0,
    };
    (0..GIBS).map(ram).collect()
}

fn window(first: u32, span: u32) -> Window {
    Window {
        first: Region::new(first).unwrap(),
        span,
    }
}

/// A word that is all ones and counts how often it is read.
#[derive(Clone, Default)]
struct Counted(Cell<usize>);

impl Word for Counted {
    fn get(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        u64::MAX
    }

    fn set(&self, _: u64) -> u64 {
        panic!("the search only reads")
    }

    fn clear(&self, _: u64) -> u64 {
        panic!("the search only reads")
    }
}

#[test]
fn free_regions_outside_the_window_are_not_visited() {
    let ram = ram();
    for start in [0, 999, 1000, 1063, 1064, GIBS as usize - 1] {
        let free = vec![Counted::default(); words(ram.len())];
        let asked = Cell::new(0);
        let lacks = lacks_any(Bits(&free), &ram, window(1000, 64), start, |offset| {
            assert!(offset < 64);
            asked.set(asked.get() + 1);
            true
        });
        assert!(!lacks);
        assert_eq!(asked.get(), 64, "start {start}");
        // One read for each region of the window, and at most two that find its ends.
        let reads: usize = free.iter().map(|word| word.0.get()).sum();
        assert!(reads <= 64 + 2, "start {start}: {reads} reads");
    }
}

#[test]
fn a_core_lacks_what_is_free_in_its_window_and_not_in_its_table() {
    let ram = ram();
    let words = zeroed(ram.len());
    let free = Bits(&words);
    let lacks =
        |has: &dyn Fn(u32) -> bool, start| lacks_any(free, &ram, window(1000, 2048), start, has);
    let none = |_| false;
    assert!(!lacks(&none, 0), "nothing is free");
    free.set(999);
    free.set(3048);
    assert!(!lacks(&none, 0), "what is free lies outside");
    free.set(1000);
    free.set(3047);
    for start in [0, 1000, 2000, 3047, 5000] {
        assert!(lacks(&none, start));
        assert!(lacks(&|offset| offset == 0, start));
        assert!(lacks(&|offset| offset == 2047, start));
        assert!(!lacks(&|offset| offset == 0 || offset == 2047, start));
    }
}
