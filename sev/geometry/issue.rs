// SPDX-License-Identifier: GPL-2.0

//! The issues that the layout of an RMP can have. No issue keeps the module from loading.

use crate::sev::addr::Region;
use core::fmt;

/// One issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    /// RMP_BASE is not aligned as it must be.
    BaseMisaligned {
        /// RMP_BASE.
        base: u64,
        /// The number of which RMP_BASE should be a multiple.
        to: u64,
    },
    /// RMP_END has no meaning in a segmented RMP and should be 0.
    EndNotZero {
        /// RMP_END.
        end: u64,
    },
    /// There is no room for a single entry.
    NoRoom {
        /// Bytes from RMP_BASE to RMP_END.
        bytes: u64,
    },
    /// The segment size is not one that the processor offers.
    SegmentSize {
        /// log2 of the size in bytes.
        shift: u32,
        /// log2 of the smallest size that the processor offers.
        min_shift: u32,
        /// log2 of the largest size that the processor offers.
        max_shift: u32,
    },
    /// The processor does not use this segment.
    BeyondLimit {
        /// The segment.
        index: u32,
        /// The number of segments that the processor uses.
        limit: u32,
    },
    /// The segment or its entries lie beyond the physical address space.
    BeyondAddressSpace {
        /// The segment.
        index: u32,
    },
    /// The table gives a segment more memory than a segment can cover.
    Clamped {
        /// The segment.
        index: u32,
        /// The GiB that the table declares.
        declared: u32,
        /// The GiB that the segment covers.
        covered: u64,
    },
    /// A segment covers memory and has its entries at address 0.
    NoEntries {
        /// The segment.
        index: u32,
    },
    /// A table entry has bits set that should be 0.
    ReservedBits {
        /// The segment.
        index: u32,
        /// The table entry.
        value: u64,
    },
    /// Two segments have entries in common.
    Overlap {
        /// The segment.
        index: u32,
        /// A segment with a smaller index.
        other: u32,
    },
    /// The entries of a segment overlap the bookkeeping area or the segment table.
    OverlapsHead {
        /// The segment.
        index: u32,
    },
    /// The RMP does not cover these regions with RAM. Their memory cannot be assigned to a guest.
    RamUncovered {
        /// The first region.
        first: Region,
        /// The last region.
        last: Region,
    },
    /// The RMP does not cover, and so does not protect, its bookkeeping area or its segment table.
    HeadUncovered,
    /// The RMP does not cover, and so does not protect, the entries of a segment.
    EntriesUncovered {
        /// The segment.
        index: u32,
    },
}

impl Issue {
    /// The name for scripts. It does not change between versions.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::BaseMisaligned { .. } => "base-misaligned",
            Self::EndNotZero { .. } => "end-not-zero",
            Self::NoRoom { .. } => "no-room",
            Self::SegmentSize { .. } => "segment-size",
            Self::BeyondLimit { .. } => "beyond-limit",
            Self::BeyondAddressSpace { .. } => "beyond-address-space",
            Self::Clamped { .. } => "clamped",
            Self::NoEntries { .. } => "no-entries",
            Self::ReservedBits { .. } => "reserved-bits",
            Self::Overlap { .. } => "overlap",
            Self::OverlapsHead { .. } => "overlaps-head",
            Self::RamUncovered { .. } => "ram-uncovered",
            Self::HeadUncovered => "head-uncovered",
            Self::EntriesUncovered { .. } => "entries-uncovered",
        }
    }
}

/// Shown as one line: the name, and the details.
impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::BaseMisaligned { base, to } => {
                write!(f, "RMP_BASE {base:#x} is not a multiple of {to:#x}")
            }
            Self::EndNotZero { end } => {
                write!(f, "RMP_END is {end:#x} though the RMP is segmented")
            }
            Self::NoRoom { bytes } => write!(f, "{bytes:#x} bytes hold no entry"),
            Self::SegmentSize {
                shift,
                min_shift,
                max_shift,
            } => write!(
                f,
                "2^{shift} bytes, the processor offers 2^{min_shift} to 2^{max_shift}"
            ),
            Self::BeyondLimit { index, limit } => {
                write!(f, "segment {index}, the processor takes {limit}")
            }
            Self::BeyondAddressSpace { index } => {
                write!(f, "segment {index} reaches beyond 52 bits of address")
            }
            Self::Clamped {
                index,
                declared,
                covered,
            } => write!(
                f,
                "segment {index} is to cover {declared} GiB and covers {covered}"
            ),
            Self::NoEntries { index } => write!(f, "segment {index} has its entries at address 0"),
            Self::ReservedBits { index, value } => {
                write!(f, "segment {index} reads {value:#018x}")
            }
            Self::Overlap { index, other } => {
                write!(f, "segments {other} and {index} have entries in common")
            }
            Self::OverlapsHead { index } => write!(
                f,
                "segment {index} has entries in the bookkeeping area or the segment table"
            ),
            Self::RamUncovered { first, last } => write!(f, "GiB {first}-{last}"),
            Self::HeadUncovered => f.write_str("the start of the RMP has no entries"),
            Self::EntriesUncovered { index } => {
                write!(f, "the entries of segment {index} have no entries")
            }
        }
    }
}
