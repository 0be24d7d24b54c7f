// SPDX-License-Identifier: GPL-2.0

//! Physical addresses, and the units into which the RMP divides memory.

use std::fmt;

/// Bytes of a page.
pub const PAGE: u64 = 1 << 12;
/// Bytes of a block.
pub const BLOCK: u64 = 1 << 21;
/// Bytes of a region.
pub const REGION: u64 = 1 << 30;
/// Pages of a block.
pub const BLOCK_PAGES: usize = 512;
/// Blocks of a region.
pub const REGION_BLOCKS: usize = 512;
/// Bytes of one RMP entry in memory.
pub const ENTRY_BYTES: u64 = 16;
/// Bytes of the entries of one region.
pub const REGION_ENTRY_BYTES: u64 = REGION / PAGE * ENTRY_BYTES;
/// The number of physical address bits of the emulated processor.
pub const PHYS_BITS: u32 = 52;

/// A 1 GiB region, by its number: its address divided by 1 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(pub u64);

impl Region {
    /// The region that holds `pa`.
    pub fn of(pa: u64) -> Self {
        Self(pa / REGION)
    }

    /// The region's first address.
    pub fn start(self) -> u64 {
        self.0.saturating_mul(REGION)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GiB {}", self.0)
    }
}

/// Index of the block of `pa` in its region.
pub fn block_index(pa: u64) -> usize {
    index(pa % REGION / BLOCK)
}

/// Index of the page of `pa` in its block.
pub fn page_index(pa: u64) -> usize {
    index(pa % BLOCK / PAGE)
}

/// A number as an index. The host is 64-bit, so nothing is lost.
pub fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// An index as a number. The host is 64-bit, so nothing is lost.
pub fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_falls_apart_into_region_block_and_page() {
        let pa = 5 * REGION + 7 * BLOCK + 9 * PAGE + 1;
        assert_eq!(Region::of(pa), Region(5));
        assert_eq!(block_index(pa), 7);
        assert_eq!(page_index(pa), 9);
        assert_eq!(Region(5).start(), 5 * REGION);
        assert_eq!(REGION_ENTRY_BYTES, 4 << 20);
    }
}
