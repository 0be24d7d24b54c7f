// SPDX-License-Identifier: GPL-2.0

//! The 4 KiB pages and 2 MiB blocks that RMP entries describe.

use super::addr::{
    PhysAddr,
    Region,
    PHYS_BITS, //
};

/// log2 of the size of a page in bytes.
pub(crate) const PAGE_SHIFT: u32 = 12;
/// log2 of the size of a block in bytes.
pub(crate) const BLOCK_SHIFT: u32 = 21;
/// The number of pages of a block.
pub(crate) const BLOCK_PAGES: u32 = 1 << (BLOCK_SHIFT - PAGE_SHIFT);
/// The number of blocks of a region.
pub(crate) const REGION_BLOCKS: u32 = 1 << (super::addr::REGION_SHIFT - BLOCK_SHIFT);

/// A page of 4 KiB.
///
/// # Invariants
///
/// The address is a multiple of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page(PhysAddr);

impl Page {
    /// The page in which an address lies.
    pub(crate) const fn containing(addr: PhysAddr) -> Self {
        // INVARIANT: By the alignment.
        Self(addr.align_down(PAGE_SHIFT))
    }

    /// The first address of the page.
    pub(crate) const fn base(self) -> PhysAddr {
        self.0
    }

    /// The number of the page, counted from address 0.
    pub(crate) const fn frame(self) -> u64 {
        self.0.as_u64() >> PAGE_SHIFT
    }

    /// The block in which the page lies.
    pub(crate) const fn block(self) -> Block {
        Block::containing(self.0)
    }
}

/// A naturally aligned block of 2 MiB. The entry of its first page can describe the whole block.
///
/// # Invariants
///
/// The address is a multiple of 2 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(PhysAddr);

impl Block {
    /// The block in which an address lies.
    pub(crate) const fn containing(addr: PhysAddr) -> Self {
        // INVARIANT: By the alignment.
        Self(addr.align_down(BLOCK_SHIFT))
    }

    /// The first address of the block.
    pub(crate) const fn base(self) -> PhysAddr {
        self.0
    }

    /// The first page of the block.
    pub(crate) const fn head(self) -> Page {
        Page::containing(self.0)
    }

    /// All pages of the block except the first, ascending.
    pub(crate) fn rest(self) -> impl Iterator<Item = Page> {
        let first = self.0.as_u64();
        (1..u64::from(BLOCK_PAGES))
            .filter_map(move |page| PhysAddr::new(first | (page << PAGE_SHIFT)))
            .map(Page::containing)
    }

    /// The blocks of a region, ascending.
    pub(crate) fn all_of(region: Region) -> impl Iterator<Item = Self> {
        let first = region.base().as_u64();
        (0..u64::from(REGION_BLOCKS))
            .filter_map(move |block| PhysAddr::new(first | (block << BLOCK_SHIFT)))
            .map(Self::containing)
    }
}

/// Why a text is not the address of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadAddress {
    /// Neither a decimal nor a hexadecimal number.
    NotANumber,
    /// Wider than a physical address can be.
    TooLarge,
    /// Not a multiple of 4 KiB.
    Unaligned,
}

/// Parses the address of a page: decimal, or hexadecimal with `0x` in front.
///
/// # Errors
///
/// The first of [`BadAddress`] that applies.
pub(crate) fn parse(text: &[u8]) -> Result<Page, BadAddress> {
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    if digits.is_empty() {
        return Err(BadAddress::NotANumber);
    }
    // A number that is too large is kept at the limit, so that later digits are still checked.
    let limit = 1u64 << PHYS_BITS;
    let mut value = 0u64;
    for byte in digits {
        let digit = char::from(*byte)
            .to_digit(radix)
            .ok_or(BadAddress::NotANumber)?;
        value = value
            .saturating_mul(u64::from(radix))
            .saturating_add(u64::from(digit))
            .min(limit);
    }
    let addr = PhysAddr::new(value).ok_or(BadAddress::TooLarge)?;
    let page = Page::containing(addr);
    if page.base() == addr {
        Ok(page)
    } else {
        Err(BadAddress::Unaligned)
    }
}
