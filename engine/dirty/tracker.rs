// SPDX-License-Identifier: GPL-2.0

//! What is known of a region's assigned pages, from the conversions that the probes see.
//!
//! All of it is one number, so that a conversion changes it with one atomic addition, and the thread
//! corrects it only if no conversion has come in between. `sys/probe/` adds; this file reads.

/// Bits of the calls in flight, from bit 0 on.
const PAGE_SHIFT: u32 = 12;
/// Bits of the number of pages, biased so that it may be negative.
const PAGES_BITS: u32 = 24;
/// The number of pages that means none.
const NO_PAGES: i64 = 1 << (PAGES_BITS - 1);
const PAGES_MASK: u64 = (1 << PAGES_BITS) - 1;
/// The bits above count conversions, and wrap.
const CONVERSION_SHIFT: u32 = PAGE_SHIFT + PAGES_BITS;

/// What an unknown number of pages is counted from: so low that no conversions lead out of it.
const UNKNOWN: i64 = -(1 << 22);
/// What is below is unknown. A region has 2^18 pages.
const UNKNOWN_BELOW: i64 = -(1 << 21);

/// Assigned 4 KiB pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// The region was not counted yet.
    Unknown,
    /// As many. Negative where pages were given back that had been assigned unseen.
    Known(i64),
}

/// The state of a region: assigned pages, calls in flight, conversions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionWord(pub u64);

impl RegionWord {
    /// Nothing was counted yet.
    pub(crate) const UNKNOWN: Self = Self((NO_PAGES + UNKNOWN).unsigned_abs() << PAGE_SHIFT);

    /// The assigned pages.
    pub(crate) fn pages(self) -> Pages {
        let biased = (self.0 >> PAGE_SHIFT) & PAGES_MASK;
        match i64::try_from(biased).unwrap_or(0).wrapping_sub(NO_PAGES) {
            pages if pages < UNKNOWN_BELOW => Pages::Unknown,
            pages => Pages::Known(pages),
        }
    }

    /// Whether a call has been entered that has not returned: it may be counted or not.
    pub(crate) fn in_flight(self) -> bool {
        self.0 & ((1 << PAGE_SHIFT) - 1) != 0
    }

    /// Conversions so far. Only good to see that there were any.
    pub(crate) fn conversions(self) -> u32 {
        u32::try_from(self.0 >> CONVERSION_SHIFT).unwrap_or(0)
    }

    /// The same with another number of pages.
    pub(crate) fn with(self, pages: Pages) -> Self {
        let pages = match pages {
            Pages::Unknown => UNKNOWN,
            Pages::Known(pages) => pages,
        };
        let biased = NO_PAGES.saturating_add(pages).unsigned_abs() & PAGES_MASK;
        Self((self.0 & !(PAGES_MASK << PAGE_SHIFT)) | (biased << PAGE_SHIFT))
    }
}

/// What a look at a region shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing has happened since it was last dealt with.
    Still,
    /// It holds assigned pages.
    Held,
    /// It changed, and may have none now: to be attempted.
    Queued,
    /// Somebody is just converting one of its pages.
    Busy,
}

/// A look at all regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Regions in the queue.
    pub(crate) queued: u32,
    /// When the first of them got there.
    pub(crate) oldest: Option<u64>,
    /// When the last conversion ended, of any region.
    pub(crate) newest: Option<u64>,
}

impl Look {
    /// Adds a region: its state, the conversions that were dealt with, when the last one ended.
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

/// What the processor said of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It was optimised: there was no assigned page.
    Free,
    /// It was not, and so many pages were found assigned, if anybody counted.
    Held(Option<u32>),
}

/// What becomes of the state in which a region was before an answer, if it is still in it.
///
/// `None` where the two agree, where nothing follows, and where a call was in flight.
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

/// Whether what was learned contradicts what was counted, or only completes it.
pub(crate) fn contradicts(before: RegionWord) -> bool {
    before.pages() != Pages::Unknown
}
