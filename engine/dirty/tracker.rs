// SPDX-License-Identifier: GPL-2.0

//! The number of a region's assigned pages, as the probes count it from conversions.
//!
//! One word holds the number of pages, the calls in flight and the number of conversions. So a conversion changes
//! them with one atomic addition, and the thread can correct the word on condition that no conversion has changed
//! it. `sys/probe/` adds to the word; this file interprets it.

/// The number of bits that count calls in flight, from bit 0 on. The number of pages begins at this bit.
const PAGE_SHIFT: u32 = 12;
/// The number of bits of the number of pages, which is biased because it may be negative.
const PAGES_BITS: u32 = 24;
/// The biased value that means zero pages.
const NO_PAGES: i64 = 1 << (PAGES_BITS - 1);
const PAGES_MASK: u64 = (1 << PAGES_BITS) - 1;
/// The bits from here on count conversions. The count wraps.
const CONVERSION_SHIFT: u32 = PAGE_SHIFT + PAGES_BITS;

/// The number of pages at which counting starts while the real number is unknown: so low that no conversions can
/// raise it to [`UNKNOWN_BELOW`].
const UNKNOWN: i64 = -(1 << 22);
/// A number of pages below this value is unknown. A region has 2^18 pages.
const UNKNOWN_BELOW: i64 = -(1 << 21);

/// Assigned 4 KiB pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// The region was not counted yet.
    Unknown,
    /// This number of pages. Negative where guests gave back pages whose assignment the probes had not seen.
    Known(i64),
}

/// The word of a region's counters: assigned pages, calls in flight, conversions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionWord(pub u64);

impl RegionWord {
    /// The word before anything was counted.
    pub(crate) const UNKNOWN: Self = Self((NO_PAGES + UNKNOWN).unsigned_abs() << PAGE_SHIFT);

    /// The assigned pages.
    pub(crate) fn pages(self) -> Pages {
        let biased = (self.0 >> PAGE_SHIFT) & PAGES_MASK;
        match i64::try_from(biased).unwrap_or(0).wrapping_sub(NO_PAGES) {
            pages if pages < UNKNOWN_BELOW => Pages::Unknown,
            pages => Pages::Known(pages),
        }
    }

    /// Whether a call of an RMP function has been entered and has not returned. Its conversion may or may not have
    /// taken effect.
    pub(crate) fn in_flight(self) -> bool {
        self.0 & ((1 << PAGE_SHIFT) - 1) != 0
    }

    /// The number of conversions so far. It wraps, so compare it only for equality.
    pub(crate) fn conversions(self) -> u32 {
        u32::try_from(self.0 >> CONVERSION_SHIFT).unwrap_or(0)
    }

    /// The word with another number of pages.
    pub(crate) fn with(self, pages: Pages) -> Self {
        let pages = match pages {
            Pages::Unknown => UNKNOWN,
            Pages::Known(pages) => pages,
        };
        let biased = NO_PAGES.saturating_add(pages).unsigned_abs() & PAGES_MASK;
        Self((self.0 & !(PAGES_MASK << PAGE_SHIFT)) | (biased << PAGE_SHIFT))
    }
}

/// What a look at a region's counters shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// There was no conversion since the region was last dealt with.
    Still,
    /// The region holds assigned pages.
    Held,
    /// There were conversions, and the region may hold no assigned page now: it is to be attempted.
    Queued,
    /// A call that converts a page of the region is in flight.
    Busy,
}

/// A look at all regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Regions in the queue.
    pub(crate) queued: u32,
    /// The earliest of the queued regions' last conversions.
    pub(crate) oldest: Option<u64>,
    /// When the last conversion of any region ended.
    pub(crate) newest: Option<u64>,
}

impl Look {
    /// Adds a region: its word `state`, the number `seen` of conversions that were dealt with, and the time `last`
    /// at which its last conversion ended.
    pub(crate) fn add(&mut self, state: RegionWord, seen: u32, last: u64, now: u64) -> Sight {
        if state.in_flight() {
            self.newest = self.newest.max(Some(now));
            return Sight::Busy;
        }
        let changed = state.conversions() != seen;
        if changed {
            self.newest = self.newest.max(Some(last));
        }
        match state.pages() {
            Pages::Known(1..) => Sight::Held,
            _ if !changed => Sight::Still,
            _ => {
                self.queued = self.queued.saturating_add(1);
                self.oldest = Some(self.oldest.map_or(last, |oldest| oldest.min(last)));
                Sight::Queued
            }
        }
    }
}

/// What the processor answered for a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The region was optimised: it held no assigned page.
    Free,
    /// The region was not optimised. The number of its assigned pages is given where they were counted.
    Held(Option<u32>),
}

/// The word that has to replace `before`, the word that a region had before the processor's `answer`. The caller
/// replaces it only if the region still has the word `before`.
///
/// `None` where `before` and `answer` agree, and where a call was in flight.
pub(crate) fn learn(before: RegionWord, answer: Finding) -> Option<RegionWord> {
    if before.in_flight() {
        return None;
    }
    let pages = match (before.pages(), answer) {
        (Pages::Known(0), Finding::Free) => return None,
        (_, Finding::Free) => Pages::Known(0),
        (Pages::Known(1..), Finding::Held(_)) => return None,
        (_, Finding::Held(Some(pages))) => Pages::Known(i64::from(pages)),
        (_, Finding::Held(None)) => Pages::Unknown,
    };
    let after = before.with(pages);
    (after != before).then_some(after)
}

/// Whether a correction of `before` contradicts a count. `false` where nothing had been counted yet.
pub(crate) fn contradicts(before: RegionWord) -> bool {
    before.pages() != Pages::Unknown
}
