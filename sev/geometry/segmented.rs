// SPDX-License-Identifier: GPL-2.0

//! The segmented RMP: a bookkeeping area, followed by the segment table, which says where each segment's entries
//! are.

use super::{
    entries_len,
    issue::Issue,
    Segment,
    Span,
    BOOKKEEPING, //
};
use crate::sev::{
    addr::{
        GIB,
        PHYS_BITS, //
    },
    cpuid::SegmentLimits,
    msr::RmpRegisters,
};

/// The number of entries of the segment table, which is one 4 KiB page.
pub(crate) const TABLE_ENTRIES: usize = 512;
/// The size of the segment table in bytes.
pub(crate) const TABLE_BYTES: u64 = 4096;
/// RMP_BASE and the entries of each segment begin at a multiple of this.
const ALIGN: u64 = 1 << 20;
/// Bits 51:20 of a table entry, the address of the segment's entries.
const ENTRIES_ADDR: u64 = ((1 << 52) - 1) & !(ALIGN - 1);

/// The segment table, as in memory.
pub(crate) type Table = [u64; TABLE_ENTRIES];

/// A segmented RMP, from its registers and its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segmented<'a> {
    registers: RmpRegisters,
    limits: SegmentLimits,
    table: &'a Table,
}

impl<'a> Segmented<'a> {
    /// The RMP that these registers, limits and this segment table describe.
    pub(crate) const fn new(
        registers: RmpRegisters,
        limits: SegmentLimits,
        table: &'a Table,
    ) -> Self {
        Self {
            registers,
            limits,
            table,
        }
    }

    /// The range of the segment table of an RMP with these registers.
    pub(crate) const fn table_span(registers: &RmpRegisters) -> Span {
        Span::new(
            registers.base_addr().saturating_add(BOOKKEEPING),
            TABLE_BYTES,
        )
    }

    /// The range of the bookkeeping area and the segment table.
    pub(super) fn head(&self) -> Span {
        Span::new(
            self.registers.base_addr(),
            BOOKKEEPING.saturating_add(TABLE_BYTES),
        )
    }

    /// The number of bytes that one segment covers at most. `None` where the size in RMP_CFG is out of range.
    pub(crate) fn segment_size(&self) -> Option<u64> {
        let shift = self.registers.segment_shift();
        (30..=PHYS_BITS).contains(&shift).then(|| 1 << shift)
    }

    /// The number of segments that this processor uses.
    pub(crate) fn limit(&self) -> u32 {
        self.limits.segments()
    }

    /// The used entries of the table, each with its index.
    fn used(&self) -> impl Iterator<Item = (u32, u64)> + Clone + use<'a> {
        (0u32..)
            .zip(self.table.iter().copied())
            .filter(|(_, value)| declared_gib(*value) != 0)
    }

    fn decode(&self, index: u32, value: u64) -> Option<Segment> {
        let size = self.segment_size()?;
        let start = size.checked_mul(u64::from(index))?;
        if start >> PHYS_BITS != 0 {
            return None;
        }
        let declared = declared_gib(value);
        let wanted = u64::from(declared).saturating_mul(GIB);
        let covered = wanted.min(size);
        Some(Segment {
            index,
            covered: Span::new(start, covered),
            entries: Span::new(value & ENTRIES_ADDR, entries_len(covered)),
            clamped_from: (wanted > size).then_some(declared),
        })
    }

    /// The segments that the processor uses, ascending.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment> + Clone + use<'a> {
        let this = *self;
        let limit = self.limit();
        self.used()
            .filter(move |(index, _)| *index < limit)
            .filter_map(move |(index, value)| this.decode(index, value))
    }

    /// The indices below the limit of table entries that hold no segment, ascending.
    pub(crate) fn unused(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        let limit = self.limit();
        (0..limit)
            .zip(self.table.iter().copied())
            .filter(|(_, value)| declared_gib(*value) == 0)
            .map(|(index, _)| index)
    }

    /// Whether the RMP covers the whole span. The span may reach over several segments.
    pub(super) fn covers(&self, span: &Span) -> bool {
        let Some(size) = self.segment_size() else {
            return false;
        };
        let mut at = span.start;
        while at < span.end {
            let Ok(index) = u32::try_from(at / size) else {
                return false;
            };
            let value = usize::try_from(index).ok().and_then(|i| self.table.get(i));
            let segment = value
                .filter(|_| index < self.limit())
                .and_then(|value| self.decode(index, *value));
            match segment {
                Some(segment) if at < segment.covered.end => at = segment.covered.end,
                _ => return false,
            }
        }
        true
    }

    /// Calls `tell` with each issue of the registers and of the table.
    pub(super) fn judge(&self, tell: &mut impl FnMut(Issue)) {
        let SegmentLimits {
            min_shift,
            max_shift,
            ..
        } = self.limits;
        let shift = self.registers.segment_shift();
        if !(min_shift..=max_shift).contains(&shift) || self.segment_size().is_none() {
            tell(Issue::SegmentSize {
                shift,
                min_shift,
                max_shift,
            });
        }
        if self.registers.base % ALIGN != 0 {
            tell(Issue::BaseMisaligned {
                base: self.registers.base,
                to: ALIGN,
            });
        }
        if self.registers.end_addr() != 0 {
            tell(Issue::EndNotZero {
                end: self.registers.end,
            });
        }
        for (index, value) in self.used() {
            self.judge_entry(index, value, tell);
        }
    }

    fn judge_entry(&self, index: u32, value: u64, tell: &mut impl FnMut(Issue)) {
        if value >> PHYS_BITS != 0 {
            tell(Issue::ReservedBits { index, value });
        }
        if index >= self.limit() {
            tell(Issue::BeyondLimit {
                index,
                limit: self.limit(),
            });
            return;
        }
        let Some(segment) = self.decode(index, value) else {
            if self.segment_size().is_some() {
                tell(Issue::BeyondAddressSpace { index });
            }
            return;
        };
        if let Some(gib) = segment.clamped_from {
            tell(Issue::Clamped {
                index,
                declared: gib,
                covered: segment.covered.len() / GIB,
            });
        }
        if segment.entries.start == 0 {
            tell(Issue::NoEntries { index });
        }
        if segment.entries.end > 1 << PHYS_BITS {
            tell(Issue::BeyondAddressSpace { index });
        }
        if segment.entries.meets(&self.head()) {
            tell(Issue::OverlapsHead { index });
        }
        let mut others = self.segments().take_while(|other| other.index < index);
        if let Some(other) = others.find(|other| other.entries.meets(&segment.entries)) {
            tell(Issue::Overlap {
                index,
                other: other.index,
            });
        }
    }
}

/// The number of GiB that a table entry covers, in its bits 19:0.
const fn declared_gib(value: u64) -> u32 {
    (value & 0xf_ffff) as u32
}
