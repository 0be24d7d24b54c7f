// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::census::count::{
        any,
        count,
        AssignedPages,
        Depth,
        Entries,
        Held, //
    },
    sev::{
        addr::Region,
        entry::{
            Entry,
            Owner,
            Size, //
        },
        page::Block, //
    }, //
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An RMP of one region, by page number in it.
struct Table {
    pages: BTreeMap<u64, Entry>,
    /// The processor tells whether other pages of a block are assigned, as RMPREAD does.
    tells: bool,
    reads: usize,
    breaths: usize,
    patience: usize,
}

const REGION: u32 = 9;

fn region() -> Region {
    Region::new(REGION).unwrap()
}

impl Table {
    fn new(tells: bool) -> Self {
        Self {
            pages: BTreeMap::new(),
            tells,
            reads: 0,
            breaths: 0,
            patience: usize::MAX,
        }
    }

    fn set(&mut self, page: u64, size: Size, asid: u32) {
        let entry = Entry {
            assigned: true,
            size,
            asid,
            ..Entry::UNCOVERED
        };
        self.pages.insert(page, entry);
    }

    fn number(block: Block) -> u64 {
        (block.base().as_u64() >> 12) & 0x3ffff
    }

    fn get(&self, page: u64) -> Entry {
        self.pages.get(&page).copied().unwrap_or(Entry::UNCOVERED)
    }
}

impl Entries for Table {
    type Error = &'static str;

    fn head(&mut self, block: Block) -> Result<Option<Entry>, Self::Error> {
        self.reads += 1;
        let first = Self::number(block);
        let others = self.pages.range(first + 1..first + 512).next().is_some();
        Ok(Some(Entry {
            others: self.tells.then_some(others),
            ..self.get(first)
        }))
    }

    fn rest(&mut self, block: Block, mut each: impl FnMut(&Entry)) -> Result<(), Self::Error> {
        for page in block.rest() {
            self.reads += 1;
            each(&self.get(page.frame() & 0x3ffff));
        }
        Ok(())
    }

    fn yield_point(&mut self) -> Result<(), Self::Error> {
        self.breaths += 1;
        if self.breaths > self.patience {
            return Err("asked to end");
        }
        Ok(())
    }
}

#[test]
fn an_empty_region_takes_512_reads() {
    let mut table = Table::new(true);
    assert_eq!(
        count(&mut table, region(), Depth::All),
        Ok(AssignedPages::default())
    );
    assert_eq!(table.reads, 512);
    assert_eq!(table.breaths, 512);
}

#[test]
fn guests_and_firmware_are_counted_apart() {
    for tells in [true, false] {
        let mut table = Table::new(tells);
        table.set(0, Size::Block, 5);
        table.set(512 + 7, Size::Page, 0);
        table.set(1024, Size::Page, 5);
        table.set(1025, Size::Page, 5);
        table.set(3 * 512, Size::Page, 6);
        let pages = count(&mut table, region(), Depth::All).unwrap();
        assert_eq!(
            pages,
            AssignedPages {
                guest: 512 + 2 + 1,
                firmware: 1
            }
        );
        if tells {
            // Only two blocks had to be read page by page.
            assert_eq!(table.reads, 512 + 2 * 511);
        }
    }
}

#[test]
fn a_full_region_is_counted_in_full() {
    let mut table = Table::new(true);
    for block in 0..512 {
        table.set(block * 512, Size::Block, 1);
    }
    let pages = count(&mut table, region(), Depth::All).unwrap();
    assert_eq!(pages.guest, 1 << 18);
    assert_eq!(table.reads, 512);
}

#[test]
fn the_first_is_enough_where_only_that_is_asked() {
    let mut table = Table::new(true);
    table.set(3 * 512, Size::Block, 1);
    table.set(9 * 512, Size::Block, 1);
    let pages = count(&mut table, region(), Depth::First).unwrap();
    assert_eq!(pages.guest, 512);
    assert_eq!(table.reads, 4);
}

#[test]
fn whether_any_is_assigned_takes_no_count() {
    let mut table = Table::new(true);
    assert_eq!(any(&mut table, region()), Ok(false));
    assert_eq!(table.reads, 512);
    // Blocks of which every page has an entry of its own: not one of these is read.
    for page in 7 * 512 + 1..9 * 512 {
        table.set(page, Size::Page, 5);
    }
    table.reads = 0;
    assert_eq!(any(&mut table, region()), Ok(true));
    assert_eq!(table.reads, 8);
    // Where an entry does not tell of the others they have to be read.
    let mut table = Table::new(false);
    table.set(9, Size::Page, 0);
    assert_eq!(any(&mut table, region()), Ok(true));
    table.patience = 0;
    assert_eq!(any(&mut table, region()), Err("asked to end"));
}

#[test]
fn what_holds_a_region_is_named() {
    let pages = |guest, firmware| AssignedPages { guest, firmware };
    let held = |pages, own| Held::by(pages, own).to_string();
    assert_eq!(held(pages(0, 0), 0), "none");
    assert!(Held::by(pages(0, 0), 0).nothing());
    assert_eq!(held(pages(1, 0), 0), "guest");
    assert_eq!(held(pages(0, 512), 512), "rmp");
    // More firmware than the RMP itself takes.
    assert_eq!(held(pages(3, 513), 512), "guest,firmware,rmp");
    assert_eq!(held(pages(0, 1), 0), "firmware");
    // Where the firmware did not assign its RMP, it holds the region all the same.
    assert_eq!(held(pages(0, 0), 512), "rmp");
}

#[test]
fn it_ends_when_asked() {
    let mut table = Table::new(true);
    table.patience = 10;
    assert_eq!(count(&mut table, region(), Depth::All), Err("asked to end"));
    assert_eq!(table.reads, 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With and without the processor's hint the count is that of the entries.
    #[test]
    fn every_page_is_counted_once(
        blocks in prop::collection::btree_set(0u64..512, 0..8),
        pages in prop::collection::btree_map(0u64..1 << 18, 0u32..3, 0..200),
        tells: bool,
    ) {
        let mut table = Table::new(tells);
        for block in &blocks {
            table.set(block * 512, Size::Block, 1);
        }
        for (page, asid) in &pages {
            if !blocks.contains(&(page / 512)) {
                table.set(*page, Size::Page, *asid);
            }
        }
        let mut want = AssignedPages::default();
        for entry in table.pages.values() {
            let size = if entry.size == Size::Block { 512 } else { 1 };
            match entry.owner() {
                Owner::Firmware => want.firmware += size,
                Owner::Guest(_) => want.guest += size,
                Owner::Hypervisor => unreachable!(),
            }
        }
        let got = count(&mut table, region(), Depth::All).unwrap();
        prop_assert_eq!(got, want);
        let first = count(&mut table, region(), Depth::First).unwrap();
        prop_assert_eq!(first.is_free(), want.is_free());
        prop_assert_eq!(any(&mut table, region()), Ok(!want.is_free()));
    }
}
