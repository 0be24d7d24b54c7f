// SPDX-License-Identifier: GPL-2.0

//! Where the firmware has put the RMP, and the values of the MSRs and of the segment table that describe it.

use super::addr::{
    index, number, Region, ENTRY_BYTES, PAGE, PHYS_BITS, REGION, REGION_ENTRY_BYTES,
};

/// The size of the bookkeeping area, which lies before the entries or before the segment table.
pub const BOOKKEEPING: u64 = 16 << 10;
/// Entries of the segment table.
pub const RST_ENTRIES: usize = 512;
/// The alignment of the entries of each segment, in bytes.
const SEGMENT_ALIGN: u64 = 1 << 20;
/// The offset of the first segment's entries in the reserved memory, behind the segment table.
const FIRST_SEGMENT: u64 = 2 << 20;
/// log2 of the largest segment size that fits the address space.
const MAX_SHIFT: u32 = 42;

/// The options that determine the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The processor has a segmented RMP.
    pub segmented: bool,
    /// First address of the memory that the guest's command line reserves.
    pub base: u64,
    /// Size of the reserved memory.
    pub size: u64,
    /// The address, without RAM, of entries that do not fit into the reserved memory.
    pub high: u64,
    /// The number of GiB to cover, from address 0 on.
    pub cover: u64,
    /// Size of a segment in GiB.
    pub segment: u64,
}

/// One segment: `cover` GiB from `first` on, entries at `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Number of the segment.
    pub index: u64,
    /// First region covered.
    pub first: u64,
    /// Regions covered.
    pub cover: u64,
    /// Address of the entries.
    pub base: u64,
}

/// The layout. A contiguous RMP is one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// RMP_BASE.
    pub base: u64,
    /// RMP_END; 0 when segmented.
    pub end: u64,
    /// RMP_CFG.
    pub config: u64,
    /// Log2 of the segment size.
    pub shift: u32,
    /// The segments, in order.
    pub segments: Vec<Segment>,
    /// The entries lie in the reserved memory.
    pub in_ram: bool,
}

impl Layout {
    /// Places the RMP. The error says what does not fit.
    pub fn new(request: Request) -> Result<Self, String> {
        let Request {
            segmented,
            base,
            size,
            high,
            cover,
            segment,
        } = request;
        if base == 0 || base % SEGMENT_ALIGN != 0 || high % SEGMENT_ALIGN != 0 {
            return Err("the RMP has to be 1 MiB aligned and not at 0".into());
        }
        if cover == 0 || cover > (1 << PHYS_BITS) / REGION {
            return Err(format!("cannot cover {cover} GiB"));
        }
        if size < FIRST_SEGMENT {
            return Err("the memory set aside has to be 2 MiB at least".into());
        }
        let bytes = cover * REGION_ENTRY_BYTES;
        let head = if segmented {
            FIRST_SEGMENT
        } else {
            BOOKKEEPING
        };
        let in_ram = head + bytes <= size;
        if !in_ram && cover * REGION > high {
            return Err(format!(
                "the RMP covers {cover} GiB, and its entries go to GiB {} because rmp_size does not hold them: they \
                 would overlie RAM",
                high / REGION
            ));
        }
        if !segmented {
            let base = if in_ram { base } else { high };
            return Ok(Self {
                base,
                end: base + BOOKKEEPING + bytes - 1,
                config: 0,
                shift: 52,
                segments: vec![Segment {
                    index: 0,
                    first: 0,
                    cover,
                    base: base + BOOKKEEPING,
                }],
                in_ram,
            });
        }
        let shift = 30 + segment.trailing_zeros();
        if !segment.is_power_of_two() || shift > MAX_SHIFT {
            return Err(format!("segments cannot be of {segment} GiB"));
        }
        let count = cover.div_ceil(segment);
        if index(count) > RST_ENTRIES {
            return Err(format!(
                "{cover} GiB need {count} segments of {segment} GiB"
            ));
        }
        let entries = if in_ram { base + FIRST_SEGMENT } else { high };
        let segments = (0..count)
            .map(|i| Segment {
                index: i,
                first: i * segment,
                cover: segment.min(cover - i * segment),
                base: entries + i * segment * REGION_ENTRY_BYTES,
            })
            .collect();
        Ok(Self {
            base,
            end: 0,
            config: 1 | (u64::from(shift) << 8),
            shift,
            segments,
            in_ram,
        })
    }

    /// Whether the RMP is segmented.
    pub fn segmented(&self) -> bool {
        self.config & 1 != 0
    }

    /// The address of the entry of the page at `pa`. `None` if the RMP does not cover the page.
    pub fn entry_address(&self, pa: u64) -> Option<u64> {
        let region = Region::of(pa);
        let segment = self
            .segments
            .iter()
            .find(|s| (s.first..s.first + s.cover).contains(&region.0))?;
        Some(segment.base + (pa - segment.first * REGION) / PAGE * ENTRY_BYTES)
    }

    /// Whether the RMP covers the region.
    pub fn covers(&self, region: Region) -> bool {
        self.entry_address(region.start()).is_some()
    }

    /// The bytes of the segment table in memory. `None` for a contiguous RMP.
    pub fn segment_table(&self) -> Option<Vec<u8>> {
        if !self.segmented() {
            return None;
        }
        let mut table = vec![0; index(PAGE)];
        for (segment, place) in self.segments.iter().zip(table.chunks_exact_mut(8)) {
            place.copy_from_slice(&(segment.base | segment.cover).to_le_bytes());
        }
        Some(table)
    }

    /// Address of the segment table.
    pub fn segment_table_address(&self) -> u64 {
        self.base + BOOKKEEPING
    }

    /// The ranges that the RMP itself occupies: start and length.
    pub fn own_ranges(&self) -> Vec<(u64, u64)> {
        let head = if self.segmented() {
            BOOKKEEPING + PAGE
        } else {
            BOOKKEEPING
        };
        let entries = self
            .segments
            .iter()
            .map(|s| (s.base, s.cover * REGION_ENTRY_BYTES));
        std::iter::once((self.base, head)).chain(entries).collect()
    }

    /// Number of segments.
    pub fn count(&self) -> u64 {
        number(self.segments.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request = Request {
        segmented: true,
        base: 0x7000_0000,
        size: 64 << 20,
        high: 1012 * REGION,
        cover: 10,
        segment: 64,
    };

    #[test]
    fn a_small_segmented_rmp_lies_in_ram() {
        let layout = Layout::new(REQUEST).unwrap();
        assert!(layout.in_ram);
        assert_eq!(layout.config, 1 | (36 << 8));
        assert_eq!(layout.end, 0);
        assert_eq!(layout.base % (1 << 20), 0);
        let table = layout.segment_table().unwrap();
        assert_eq!(table[..8], 0x7020_000a_u64.to_le_bytes());
        assert!(table[8..].iter().all(|b| *b == 0));
        assert_eq!(layout.entry_address(0), Some(0x7020_0000));
        assert_eq!(
            layout.entry_address(9 * REGION + PAGE),
            Some(0x7020_0000 + 9 * (4 << 20) + 16)
        );
        assert_eq!(layout.entry_address(10 * REGION), None);
        assert!(!layout.covers(Region(10)));
        assert_eq!(layout.segment_table_address(), 0x7000_4000);
    }

    #[test]
    fn a_large_one_lies_where_no_ram_is() {
        let layout = Layout::new(Request {
            cover: 1012,
            ..REQUEST
        })
        .unwrap();
        assert!(!layout.in_ram);
        assert_eq!(layout.count(), 16);
        assert_eq!(layout.segments[0].base, 1012 * REGION);
        assert_eq!(layout.segments[1].base, 1012 * REGION + (256 << 20));
        assert_eq!(layout.segments[15].cover, 1012 - 15 * 64);
        let table = layout.segment_table().unwrap();
        assert_eq!(
            table[8..16],
            ((1012 * REGION + (256 << 20)) | 64).to_le_bytes()
        );
    }

    #[test]
    fn a_contiguous_one() {
        let layout = Layout::new(Request {
            segmented: false,
            ..REQUEST
        })
        .unwrap();
        assert_eq!(layout.config, 0);
        assert_eq!(layout.base, 0x7000_0000);
        assert_eq!(layout.end, 0x7000_0000 + 0x4000 + (40 << 20) - 1);
        assert_eq!(layout.entry_address(PAGE), Some(0x7000_4010));
        assert_eq!(layout.segment_table(), None);
        assert_eq!(layout.own_ranges()[0], (0x7000_0000, 0x4000));
    }

    #[test]
    fn entries_overlie_nothing_that_they_cover() {
        for segmented in [true, false] {
            let place = |high, cover| {
                Layout::new(Request {
                    segmented,
                    high: high * REGION,
                    cover,
                    ..REQUEST
                })
            };
            assert!(!place(100, 100).unwrap().in_ram);
            let why = place(100, 101).unwrap_err();
            assert!(why.contains("overlie RAM"), "{why}");
            // In the memory set aside they are nowhere near.
            assert!(place(5, 10).unwrap().in_ram);
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for request in [
            Request { base: 0, ..REQUEST },
            Request {
                base: 0x1000,
                ..REQUEST
            },
            Request { size: 0, ..REQUEST },
            Request {
                cover: 0,
                ..REQUEST
            },
            Request {
                segment: 3,
                ..REQUEST
            },
            Request {
                segment: 0,
                ..REQUEST
            },
            Request {
                segment: 1,
                cover: 513,
                ..REQUEST
            },
        ] {
            assert!(Layout::new(request).is_err(), "{request:?}");
        }
    }
}
