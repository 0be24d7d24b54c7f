// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with the layout of an RMP. None of it keeps the module from loading.

use crate::sev::addr::Region;
use core::fmt;

/// One thing that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    /// The first byte of the RMP is not where it may be.
    BaseMisaligned {
        /// RMP_BASE.
        base: u64,
        /// What it should be a multiple of.
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
        /// The smallest that the processor offers.
        min_shift: u32,
        /// The largest.
        max_shift: u32,
    },
    /// The processor does not look at this segment.
    BeyondLimit {
        /// The segment.
        index: u32,
        /// How many segments it looks at.
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
        /// GiB in the table.
        declared: u32,
        /// GiB that it covers.
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
        /// One before it.
        other: u32,
    },
    /// A segment has entries where the bookkeeping or the segment table is.
    OverlapsHead {
        /// The segment.
        index: u32,
    },
    /// RAM without entries. It cannot be given to a guest.
    RamUncovered {
        /// The first region of it.
        first: Region,
        /// The last one.
        last: Region,
    },
    /// The bookkeeping area or the segment table is not protected by an entry.
    HeadUncovered,
    /// The entries of a segment are not themselves protected by entries.
    EntriesUncovered {
        /// The segment.
        index: u32,
    },
}

impl Issue {
    /// A name that does not change, for scripts.
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

/// As one line: the name, and what it is about.
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
