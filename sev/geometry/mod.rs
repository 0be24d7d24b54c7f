// SPDX-License-Identifier: GPL-2.0

//! Where the RMP lies and which memory it covers, in either of its two forms.
//!
//! This room decodes and judges; the caller reads the registers and the segment table, and passes them in.
//! It trusts no value: a table of random bytes leads to segments that can be printed and to a list of
//! [`Issue`]s. The module never accesses memory at an address from the segment table: it reads entries by
//! RMPREAD, or from a [`Contiguous`] table with checked bounds.

pub(crate) mod contiguous;
pub(crate) mod issue;
pub(crate) mod segmented;

use self::{
    contiguous::Contiguous,
    issue::Issue,
    segmented::Segmented, //
};
use super::{
    addr::{
        Region,
        GIB, //
    },
    entry::ENTRY_BYTES,
    page::{
        Block,
        BLOCK_PAGES,
        BLOCK_SHIFT,
        PAGE_SHIFT, //
    },
};

/// Bytes at the start of the RMP that the processor uses for itself.
pub(crate) const BOOKKEEPING: u64 = 16 << 10;

/// A range of addresses, in bytes. Empty where `end` is not above `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first address.
    pub(crate) start: u64,
    /// One more than the last address.
    pub(crate) end: u64,
}

impl Span {
    /// `len` bytes from `start` on.
    pub(crate) const fn new(start: u64, len: u64) -> Self {
        Self {
            start,
            end: start.saturating_add(len),
        }
    }

    /// The bytes of a region.
    pub(crate) const fn of(region: Region) -> Self {
        Self::new(region.base().as_u64(), GIB)
    }

    /// The size in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the two ranges have a byte in common.
    pub(crate) const fn meets(&self, other: &Self) -> bool {
        self.len() > 0 && other.len() > 0 && self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies in this range.
    pub(crate) const fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The last address; the first address where the range is empty.
    pub(crate) const fn last(&self) -> u64 {
        let last = self.end.saturating_sub(1);
        if last < self.start {
            self.start
        } else {
            last
        }
    }
}

/// The size in bytes of the entries that cover `covered` bytes of memory.
const fn entries_len(covered: u64) -> u64 {
    (covered >> PAGE_SHIFT).saturating_mul(ENTRY_BYTES)
}

/// A part of the RMP: consecutive entries for consecutive memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The segment's place in the segment table; 0 in a contiguous RMP.
    pub(crate) index: u32,
    /// The memory that the segment covers.
    pub(crate) covered: Span,
    /// The addresses of the segment's entries.
    pub(crate) entries: Span,
    /// The GiB that the segment covers according to the segment table, where a segment cannot cover as many.
    pub(crate) clamped_from: Option<u32>,
}

/// The RMP of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout<'a> {
    /// One table of entries for all of memory.
    Contiguous(Contiguous),
    /// A segment table, and a table of entries per segment.
    Segmented(Segmented<'a>),
}

impl Layout<'_> {
    /// The segments, ascending. A contiguous RMP is one segment.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment> + Clone + '_ {
        let (one, many) = match self {
            Self::Contiguous(contiguous) => (contiguous.segment(), None),
            Self::Segmented(segmented) => (None, Some(segmented.segments())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The range before the entries: the bookkeeping area and the segment table.
    pub(crate) fn head(&self) -> Span {
        match self {
            Self::Contiguous(contiguous) => contiguous.head(),
            Self::Segmented(segmented) => segmented.head(),
        }
    }

    /// All ranges that the RMP itself occupies.
    fn own(&self) -> impl Iterator<Item = Span> + Clone + '_ {
        core::iter::once(self.head()).chain(self.segments().map(|segment| segment.entries))
    }

    /// Whether a part of the RMP itself lies in the region.
    pub(crate) fn lies_in(&self, region: Region) -> bool {
        self.own().any(|own| own.meets(&Span::of(region)))
    }

    /// The number of pages in those blocks of the region in which a part of the RMP itself lies.
    pub(crate) fn own_pages(&self, region: Region) -> u32 {
        if !self.lies_in(region) {
            return 0;
        }
        Block::all_of(region)
            .map(|block| Span::new(block.base().as_u64(), 1 << BLOCK_SHIFT))
            .filter(|block| self.own().any(|own| own.meets(block)))
            .fold(0, |pages, _| pages.saturating_add(BLOCK_PAGES))
    }

    /// Whether the RMP covers all of the region.
    pub(crate) fn covers(&self, region: Region) -> bool {
        self.covers_span(&Span::of(region))
    }

    fn covers_span(&self, span: &Span) -> bool {
        match self {
            Self::Contiguous(contiguous) => {
                let segment = contiguous.segment();
                segment.is_some_and(|segment| segment.covered.contains(span))
            }
            Self::Segmented(segmented) => segmented.covers(span),
        }
    }

    /// Judges the layout, more strictly than the kernel does: calls `tell` with each issue. `ram` are the
    /// regions with RAM, ascending.
    pub(crate) fn judge(&self, ram: impl Iterator<Item = Region>, mut tell: impl FnMut(Issue)) {
        match self {
            Self::Contiguous(contiguous) => contiguous.judge(&mut tell),
            Self::Segmented(segmented) => segmented.judge(&mut tell),
        }
        self.judge_ram(ram, &mut tell);
        if !self.covers_span(&self.head()) {
            tell(Issue::HeadUncovered);
        }
        for segment in self.segments() {
            if !self.covers_span(&segment.entries) {
                tell(Issue::EntriesUncovered {
                    index: segment.index,
                });
            }
        }
    }

    /// Calls `tell` with one issue for each run of consecutive regions with RAM that the RMP does not cover.
    fn judge_ram(&self, ram: impl Iterator<Item = Region>, tell: &mut impl FnMut(Issue)) {
        let mut run: Option<(Region, Region)> = None;
        for region in ram.filter(|region| !self.covers(*region)) {
            run = match run {
                Some((first, last)) if last.gib().checked_add(1) == Some(region.gib()) => {
                    Some((first, region))
                }
                Some((first, last)) => {
                    tell(Issue::RamUncovered { first, last });
                    Some((region, region))
                }
                None => Some((region, region)),
            };
        }
        if let Some((first, last)) = run {
            tell(Issue::RamUncovered { first, last });
        }
    }
}
