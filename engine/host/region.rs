// SPDX-License-Identifier: GPL-2.0

//! Regions that hold RAM. The module attempts no other regions.

use crate::sev::addr::{
    PhysAddr,
    Region, //
};
use core::ops::Range;

/// A region with RAM in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RamRegion {
    /// The region.
    pub(crate) region: Region,
    /// The NUMA node of its first online RAM.
    pub(crate) node: u32,
}

/// Splits ranges of RAM into regions.
///
/// The caller adds the ranges in ascending order. A region that several ranges share is reported once.
#[derive(Default)]
pub(crate) struct Splitter {
    next: u32,
}

impl Splitter {
    /// Adds the range from `start` to `end`, both inclusive, and calls `emit` with each region of the range that
    /// no earlier range has touched.
    ///
    /// Regions beyond the architecture's physical address space are left out.
    ///
    /// # Errors
    ///
    /// The error that `emit` returned.
    pub(crate) fn add<E>(
        &mut self,
        start: u64,
        end: u64,
        mut emit: impl FnMut(Region) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Some(start), Some(end)) = (
            PhysAddr::new(start),
            PhysAddr::new(end.min((1 << crate::sev::addr::PHYS_BITS) - 1)),
        ) else {
            return Ok(());
        };
        let first = Region::containing(start).gib().max(self.next);
        for gib in first..=Region::containing(end).gib() {
            let Some(region) = Region::new(gib) else {
                break;
            };
            emit(region)?;
            self.next = gib.saturating_add(1);
        }
        Ok(())
    }
}

/// The place of a region in an ascending list.
pub(crate) fn index_of(ram: &[RamRegion], region: Region) -> Option<usize> {
    ram.binary_search_by_key(&region, |r| r.region).ok()
}

/// The places, in an ascending list, of the regions that lie in the `span` GiB from `first` on.
pub(crate) fn places(ram: &[RamRegion], first: Region, span: u32) -> Range<usize> {
    let end = first.gib().saturating_add(span);
    let begin = ram.partition_point(|r| r.region < first);
    begin..ram.partition_point(|r| r.region.gib() < end).max(begin)
}
