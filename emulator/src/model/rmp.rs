// SPDX-License-Identifier: GPL-2.0

//! The entries of the RMP. Only entries that are not the default are stored. This file applies no rules and accesses no
//! guest memory.

use super::addr::{block_index, page_index, Region, BLOCK, BLOCK_PAGES, PAGE, REGION_BLOCKS};
use super::entry::{Entry, Owner, Size};
use std::collections::BTreeMap;

/// The entries of one block.
#[derive(Clone, Debug, Default)]
enum Slot {
    /// All entries are the hypervisor's.
    #[default]
    Free,
    /// One 2 MiB entry for the whole block.
    Block(Entry),
    /// One entry for each page.
    Pages(Box<[Entry; BLOCK_PAGES]>),
}

/// Numbers of assigned 4 KiB pages; a 2 MiB entry counts 512.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Pages of guests.
    pub guest: u64,
    /// Pages of the firmware.
    pub firmware: u64,
}

impl Assigned {
    /// The number of all assigned pages.
    pub fn total(self) -> u64 {
        self.guest + self.firmware
    }

    fn add(&mut self, entry: &Entry) {
        let pages = entry.size.bytes() / PAGE;
        match entry.owner() {
            Owner::Hypervisor => (),
            Owner::Guest => self.guest += pages,
            Owner::Firmware => self.firmware += pages,
        }
    }

    fn remove(&mut self, entry: &Entry) {
        let mut gone = Self::default();
        gone.add(entry);
        self.guest -= gone.guest;
        self.firmware -= gone.firmware;
    }
}

#[derive(Clone, Debug)]
struct Gib {
    slots: Vec<Slot>,
    assigned: Assigned,
}

impl Default for Gib {
    fn default() -> Self {
        Self {
            slots: vec![Slot::Free; REGION_BLOCKS],
            assigned: Assigned::default(),
        }
    }
}

/// The result of a scan of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// No page is assigned.
    pub free: bool,
    /// The number of entries that the scan read.
    pub entries: u64,
}

/// All entries. Entries that were not set are the hypervisor's.
///
/// # Invariants
///
/// Entries of the hypervisor are stored as [`Entry::default`], and `assigned` of each GiB is the sum over its entries.
#[derive(Clone, Debug, Default)]
pub struct Rmp {
    gibs: BTreeMap<Region, Gib>,
}

impl Rmp {
    /// The entry stored for the page at `pa`. `None` if a 2 MiB entry covers the page and the page is not its first.
    pub fn stored(&self, pa: u64) -> Option<Entry> {
        match self.slot(pa) {
            Slot::Free => Some(Entry::default()),
            Slot::Block(entry) => (pa % BLOCK < PAGE).then_some(*entry),
            Slot::Pages(pages) => pages.get(page_index(pa)).copied(),
        }
    }

    /// The entry that applies to the page at `pa`.
    pub fn authoritative(&self, pa: u64) -> Entry {
        match self.slot(pa) {
            Slot::Free => Entry::default(),
            Slot::Block(entry) => *entry,
            Slot::Pages(pages) => pages.get(page_index(pa)).copied().unwrap_or_default(),
        }
    }

    /// Whether a page in the block of `pa`, other than the page at `pa`, has an assigned entry of its own.
    pub fn others_assigned(&self, pa: u64) -> bool {
        match self.slot(pa) {
            Slot::Free | Slot::Block(_) => false,
            Slot::Pages(pages) => pages
                .iter()
                .enumerate()
                .any(|(i, entry)| i != page_index(pa) && entry.assigned),
        }
    }

    /// Sets the 4 KiB entry at `pa`. A 2 MiB entry there is split first.
    pub fn set_page(&mut self, pa: u64, entry: Entry) {
        self.change(pa, |slot| {
            let mut pages = match std::mem::take(slot) {
                Slot::Pages(pages) => pages,
                Slot::Free => Box::new([Entry::default(); BLOCK_PAGES]),
                Slot::Block(block) => split(&block),
            };
            if let Some(place) = pages.get_mut(page_index(pa)) {
                *place = Entry {
                    size: Size::Page,
                    ..normal(entry)
                };
            }
            *slot = if pages.iter().any(|e| e.assigned) {
                Slot::Pages(pages)
            } else {
                Slot::Free
            };
        });
    }

    /// Sets the 2 MiB entry at `pa`, in place of all entries of the block.
    pub fn set_block(&mut self, pa: u64, entry: Entry) {
        self.change(pa, |slot| {
            *slot = if entry.assigned {
                Slot::Block(Entry {
                    size: Size::Block,
                    ..entry
                })
            } else {
                Slot::Free
            };
        });
    }

    /// Splits the 2 MiB entry at `pa` into 512. False if there is none.
    pub fn smash(&mut self, pa: u64) -> bool {
        let Slot::Block(block) = self.slot(pa).clone() else {
            return false;
        };
        self.change(pa, |slot| *slot = Slot::Pages(split(&block)));
        true
    }

    /// Assigned pages of a region.
    pub fn assigned(&self, region: Region) -> Assigned {
        self.gibs
            .get(&region)
            .map(|gib| gib.assigned)
            .unwrap_or_default()
    }

    /// Reads the entries of a region as RMPOPT does: one for each block, in split blocks page by page, up to the first
    /// assigned entry.
    pub fn scan(&self, region: Region) -> Scan {
        let mut scan = Scan {
            free: true,
            entries: 0,
        };
        let Some(gib) = self.gibs.get(&region) else {
            return Scan {
                entries: super::addr::number(REGION_BLOCKS),
                ..scan
            };
        };
        for slot in &gib.slots {
            match slot {
                Slot::Free => scan.entries += 1,
                Slot::Block(_) => {
                    scan.entries += 1;
                    scan.free = false;
                }
                Slot::Pages(pages) => {
                    for entry in pages.iter() {
                        scan.entries += 1;
                        if entry.assigned {
                            scan.free = false;
                            break;
                        }
                    }
                }
            }
            if !scan.free {
                break;
            }
        }
        scan
    }

    /// Regions with assigned pages.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        self.gibs.keys().copied()
    }

    /// All assigned entries with their addresses, in order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.gibs.iter().flat_map(|(region, gib)| {
            let slots = (region.start()..).step_by(super::addr::index(BLOCK));
            slots.zip(&gib.slots).flat_map(|(start, slot)| {
                let found: Vec<(u64, Entry)> = match slot {
                    Slot::Free => Vec::new(),
                    Slot::Block(entry) => vec![(start, *entry)],
                    Slot::Pages(pages) => (start..)
                        .step_by(super::addr::index(PAGE))
                        .zip(pages.iter().copied())
                        .filter(|(_, entry)| entry.assigned)
                        .collect(),
                };
                found
            })
        })
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.gibs.clear();
    }

    fn slot(&self, pa: u64) -> &Slot {
        self.gibs
            .get(&Region::of(pa))
            .and_then(|gib| gib.slots.get(block_index(pa)))
            .unwrap_or(&Slot::Free)
    }

    fn change(&mut self, pa: u64, f: impl FnOnce(&mut Slot)) {
        let region = Region::of(pa);
        let gib = self.gibs.entry(region).or_default();
        if let Some(slot) = gib.slots.get_mut(block_index(pa)) {
            count(slot, |entry| gib.assigned.remove(entry));
            f(slot);
            count(slot, |entry| gib.assigned.add(entry));
        }
        if gib.assigned.total() == 0 {
            self.gibs.remove(&region);
        }
    }
}

fn normal(entry: Entry) -> Entry {
    if entry.assigned {
        entry
    } else {
        Entry::default()
    }
}

fn split(block: &Entry) -> Box<[Entry; BLOCK_PAGES]> {
    let mut pages = Box::new([*block; BLOCK_PAGES]);
    let mut gpa = block.gpa;
    for page in pages.iter_mut() {
        page.size = Size::Page;
        page.gpa = gpa;
        gpa += PAGE;
    }
    pages
}

fn count(slot: &Slot, mut f: impl FnMut(&Entry)) {
    match slot {
        Slot::Free => (),
        Slot::Block(entry) => f(entry),
        Slot::Pages(pages) => pages.iter().for_each(f),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(asid: u32, gpa: u64) -> Entry {
        Entry {
            assigned: true,
            asid,
            gpa,
            ..Entry::default()
        }
    }

    #[test]
    fn empty_is_the_hypervisors() {
        let rmp = Rmp::default();
        assert_eq!(rmp.stored(0), Some(Entry::default()));
        assert_eq!(
            rmp.scan(Region(3)),
            Scan {
                free: true,
                entries: 512
            }
        );
    }

    #[test]
    fn a_2_mib_entry_decides_for_its_block() {
        let mut rmp = Rmp::default();
        rmp.set_block(4 * BLOCK, guest(5, 0));
        assert_eq!(rmp.stored(4 * BLOCK + PAGE), None);
        assert!(rmp.stored(4 * BLOCK).unwrap().assigned);
        assert_eq!(rmp.authoritative(4 * BLOCK + PAGE).size, Size::Block);
        assert_eq!(rmp.assigned(Region(0)).guest, 512);
        assert_eq!(
            rmp.scan(Region(0)),
            Scan {
                free: false,
                entries: 5
            }
        );
    }

    #[test]
    fn smash_keeps_the_pages_and_continues_the_guest_addresses() {
        let mut rmp = Rmp::default();
        assert!(!rmp.smash(0));
        rmp.set_block(0, guest(5, BLOCK));
        assert!(rmp.smash(0));
        assert_eq!(rmp.stored(3 * PAGE), Some(guest(5, BLOCK + 3 * PAGE)));
        assert_eq!(rmp.assigned(Region(0)).guest, 512);
        assert!(rmp.others_assigned(0));
        for i in 0..512 {
            rmp.set_page(i * PAGE, Entry::default());
        }
        assert_eq!(rmp.assigned(Region(0)).total(), 0);
        assert_eq!(rmp.regions().count(), 0);
    }

    #[test]
    fn scan_stops_at_the_first_assigned_page() {
        let mut rmp = Rmp::default();
        rmp.set_page(2 * BLOCK + 10 * PAGE, guest(1, 0));
        assert_eq!(
            rmp.scan(Region(0)),
            Scan {
                free: false,
                entries: 2 + 11
            }
        );
        assert!(!rmp.others_assigned(2 * BLOCK + 10 * PAGE));
        assert!(rmp.others_assigned(2 * BLOCK));
        assert_eq!(
            rmp.entries().collect::<Vec<_>>(),
            [(2 * BLOCK + 10 * PAGE, guest(1, 0))]
        );
    }

    #[test]
    fn firmware_is_counted_apart() {
        let mut rmp = Rmp::default();
        rmp.set_block(0, Entry::firmware(Size::Block));
        rmp.set_page(BLOCK, guest(1, 0));
        assert_eq!(
            rmp.assigned(Region(0)),
            Assigned {
                guest: 1,
                firmware: 512
            }
        );
        rmp.clear();
        assert_eq!(rmp.assigned(Region(0)).total(), 0);
    }
}
