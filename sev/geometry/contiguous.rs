// SPDX-License-Identifier: GPL-2.0

//! The contiguous RMP: a bookkeeping area, followed by one entry per page of memory from address 0 on.

use super::{
    issue::Issue,
    Segment,
    Span,
    BOOKKEEPING, //
};
use crate::sev::{
    entry::ENTRY_BYTES,
    msr::RmpRegisters,
    page::{
        Page,
        PAGE_SHIFT, //
    },
};

/// RMP_BASE and RMP_END are multiples of this number of bytes.
const UNIT: u64 = 1 << 13;

/// A contiguous RMP, from its two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contiguous {
    registers: RmpRegisters,
}

impl Contiguous {
    /// The RMP that these registers describe.
    pub(crate) const fn new(registers: RmpRegisters) -> Self {
        Self { registers }
    }

    /// The whole RMP. RMP_END is the address of its last byte; the processor ignores the low bits of RMP_END.
    fn whole(&self) -> Span {
        Span {
            start: self.registers.base_addr(),
            end: self.registers.end_addr().saturating_add(UNIT),
        }
    }

    /// The bookkeeping area.
    pub(super) fn head(&self) -> Span {
        Span::new(self.registers.base_addr(), BOOKKEEPING)
    }

    /// The number of entries.
    pub(crate) fn count(&self) -> u64 {
        self.whole().len().saturating_sub(BOOKKEEPING) / ENTRY_BYTES
    }

    /// All entries as one segment. `None` where there is no room for an entry.
    pub(super) fn segment(&self) -> Option<Segment> {
        let count = self.count();
        (count > 0).then(|| Segment {
            index: 0,
            covered: Span::new(0, count << PAGE_SHIFT),
            entries: Span::new(self.head().end, count.saturating_mul(ENTRY_BYTES)),
            clamped_from: None,
        })
    }

    /// The address of a page's entry. `None` where the RMP does not cover the page.
    ///
    /// The administrator may choose any page. Therefore `confine(index, count)` must return an index below `count`
    /// also when the processor speculates past the bounds check (`index_nospec` of `sys/`).
    pub(crate) fn place(&self, page: Page, confine: impl FnOnce(u64, u64) -> u64) -> Option<u64> {
        let count = self.count();
        if page.frame() >= count {
            return None;
        }
        let index = confine(page.frame(), count);
        self.head().end.checked_add(index.checked_mul(ENTRY_BYTES)?)
    }

    /// Calls `tell` with each issue of the registers.
    pub(super) fn judge(&self, tell: &mut impl FnMut(Issue)) {
        if self.registers.base % UNIT != 0 {
            tell(Issue::BaseMisaligned {
                base: self.registers.base,
                to: UNIT,
            });
        }
        if self.count() == 0 {
            tell(Issue::NoRoom {
                bytes: self.whole().len(),
            });
        }
    }
}
