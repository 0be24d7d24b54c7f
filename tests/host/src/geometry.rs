// SPDX-License-Identifier: GPL-2.0

use crate::sev::{
    addr::{
        PhysAddr,
        Region,
        GIB, //
    },
    cpuid::{
        Features,
        Leaf,
        SegmentLimits, //
    },
    geometry::{
        contiguous::Contiguous,
        issue::Issue,
        segmented::{
            Segmented,
            Table,
            TABLE_ENTRIES, //
        },
        Layout,
        Segment,
        Span, //
    },
    msr::RmpRegisters,
    page::Page, //
};
use proptest::prelude::*;

const TIB: u64 = 1024 * GIB;

/// CPUID of a Zen 5 (Turin), as read on one.
fn turin() -> SegmentLimits {
    let leaves = |leaf| match leaf {
        0 => Leaf {
            ebx: 0x6874_7541,
            edx: 0x6974_6e65,
            ecx: 0x444d_4163,
            ..Leaf::default()
        },
        0x8000_0000 => Leaf {
            eax: 0x8000_0028,
            ..Leaf::default()
        },
        0x8000_0025 => Leaf {
            eax: 0xaa4,
            ebx: 0x410,
            ..Leaf::default()
        },
        _ => Leaf {
            eax: 0x00a0_001a,
            ..Leaf::default()
        },
    };
    Features::decode(leaves).segmented.unwrap()
}

/// RMP_CFG with segments of `1 << shift` bytes.
fn registers(base: u64, shift: u64) -> RmpRegisters {
    RmpRegisters {
        base,
        end: 0,
        cfg: 1 | (shift << 8),
    }
}

fn segmented(registers: RmpRegisters, table: &Table) -> Layout<'_> {
    Layout::Segmented(Segmented::new(registers, turin(), table))
}

fn issues(layout: &Layout<'_>, ram: &[u32]) -> Vec<Issue> {
    let mut found = Vec::new();
    let ram = ram.iter().map(|gib| Region::new(*gib).unwrap());
    layout.judge(ram, |issue| found.push(issue));
    found
}

fn names(layout: &Layout<'_>, ram: &[u32]) -> Vec<&'static str> {
    issues(layout, ram).iter().map(Issue::name).collect()
}

fn region(gib: u32) -> Region {
    Region::new(gib).unwrap()
}

/// A server of two sockets: 128 GiB segments 0, 8 and 9, and a hole from 34 GiB to 1 TiB. Each
/// segment's entries lie in the memory that it covers.
fn server() -> Table {
    let mut table = [0; TABLE_ENTRIES];
    table[0] = (30 * GIB) | 34;
    table[8] = (TIB + 2 * GIB) | 128;
    table[9] = (TIB + 130 * GIB) | 128;
    table
}

#[test]
fn turins_limits() {
    let limits = turin();
    assert_eq!((limits.min_shift, limits.max_shift), (36, 42));
    assert!(limits.hard_limit);
    assert_eq!(limits.segments(), 16);
}

#[test]
fn a_server_with_a_hole() {
    let table = server();
    let layout = segmented(registers(29 * GIB, 37), &table);
    let segments: Vec<_> = layout.segments().collect();
    let entries = |gib: u64| gib * (4 << 20);
    let of = |index, first, gib, at| Segment {
        index,
        covered: Span::new(first, gib * GIB),
        entries: Span::new(at, entries(gib)),
        clamped_from: None,
    };
    assert_eq!(
        segments,
        [
            of(0, 0, 34, 30 * GIB),
            of(8, TIB, 128, TIB + 2 * GIB),
            of(9, TIB + 128 * GIB, 128, TIB + 130 * GIB),
        ]
    );
    assert_eq!(layout.head(), Span::new(29 * GIB, 0x5000));
    assert!(layout.covers(region(33)));
    assert!(!layout.covers(region(34)));
    assert!(!layout.covers(region(1023)));
    assert!(layout.covers(region(1024)));
    assert!(layout.covers(region(1279)));
    assert!(!layout.covers(region(1280)));
    // 512 MiB of entries each, in one region.
    assert!(layout.lies_in(region(29)) && layout.lies_in(region(30)));
    assert!(layout.lies_in(region(1026)) && !layout.lies_in(region(1027)));
    assert_eq!(layout.own_pages(region(1026)), 1 << 17);
    assert_eq!(layout.own_pages(region(29)), 512);
    assert_eq!(layout.own_pages(region(28)), 0);

    let ram: Vec<u32> = (0..34).chain(1024..1280).collect();
    assert_eq!(issues(&layout, &ram), []);
    let Layout::Segmented(segmented) = layout else {
        unreachable!()
    };
    assert_eq!(segmented.segment_size(), Some(128 * GIB));
    let unused: Vec<_> = segmented.unused().collect();
    assert_eq!(unused, [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15]);
}

#[test]
fn ram_in_the_hole_is_told_in_runs() {
    let table = server();
    let layout = segmented(registers(29 * GIB, 37), &table);
    let run = |first, last| Issue::RamUncovered {
        first: region(first),
        last: region(last),
    };
    assert_eq!(
        issues(&layout, &[0, 33, 34, 35, 36, 100, 1024, 1280]),
        [run(34, 36), run(100, 100), run(1280, 1280)]
    );
}

#[test]
fn each_fault_has_its_name() {
    let check = |registers, change: &dyn Fn(&mut Table), want: &[&str]| {
        let mut table = server();
        change(&mut table);
        let layout = segmented(registers, &table);
        assert_eq!(names(&layout, &[0, 1024]), want);
        for issue in issues(&layout, &[0, 1024]) {
            assert!(issue.to_string().starts_with(issue.name()), "{issue}");
        }
    };
    let good = registers(29 * GIB, 37);
    check(good, &|_| (), &[]);
    check(
        RmpRegisters {
            end: 0x2000,
            ..good
        },
        &|_| (),
        &["end-not-zero"],
    );
    check(
        registers(29 * GIB + 0x2000, 37),
        &|_| (),
        &["base-misaligned"],
    );
    check(good, &|t| t[0] |= 1 << 52, &["reserved-bits"]);
    check(good, &|t| t[16] = (40 * TIB) | 1, &["beyond-limit"]);
    check(good, &|t| t[0] |= 0x1000, &["clamped"]);
    check(good, &|t| t[0] &= 0xfffff, &["no-entries"]);
    check(good, &|t| t[9] = t[8], &["overlap"]);
    check(good, &|t| t[0] = (29 * GIB) | 34, &["overlaps-head"]);
    check(good, &|t| t[0] = (100 * GIB) | 34, &["entries-uncovered"]);
    check(good, &|t| t[8] = 0, &["ram-uncovered"]);
    check(registers(40 * GIB, 37), &|_| (), &["head-uncovered"]);
    check(
        good,
        &|t| t[8] = ((1 << 52) - (1 << 20)) | 128,
        &["beyond-address-space", "entries-uncovered"],
    );
}

#[test]
fn a_segment_size_that_is_not_offered() {
    let table = server();
    // 4 GiB: usable, though not one of Turin's.
    let small = segmented(registers(29 * GIB, 32), &table);
    assert_eq!(small.segments().count(), 3);
    assert!(names(&small, &[]).contains(&"segment-size"));
    for shift in [0, 12, 29, 53, 63] {
        let layout = segmented(registers(29 * GIB, shift), &table);
        assert_eq!(layout.segments().count(), 0, "2^{shift}");
        assert!(!layout.covers(region(0)));
        assert_eq!(
            names(&layout, &[0]),
            ["segment-size", "ram-uncovered", "head-uncovered"]
        );
    }
}

#[test]
fn a_processor_without_a_hard_limit_takes_512() {
    let limits = SegmentLimits {
        hard_limit: false,
        ..turin()
    };
    let mut table = server();
    table[511] = (TIB + 4 * GIB) | 1;
    let layout = Layout::Segmented(Segmented::new(registers(29 * GIB, 37), limits, &table));
    assert_eq!(layout.segments().last().unwrap().index, 511);
    assert_eq!(
        layout.segments().last().unwrap().covered.start,
        511 * 128 * GIB
    );
}

/// Where entries are when nobody speculates.
fn place(rmp: &Contiguous, addr: u64) -> Option<u64> {
    let page = Page::containing(PhysAddr::new(addr).unwrap());
    rmp.place(page, |index, count| {
        assert!(index < count);
        index
    })
}

fn contiguous(gib: u64) -> RmpRegisters {
    RmpRegisters {
        base: 0x7000_0000,
        end: 0x7000_0000 + 0x4000 + gib * (4 << 20) - 1,
        cfg: 0,
    }
}

#[test]
fn a_contiguous_rmp() {
    let rmp = Contiguous::new(contiguous(10));
    let layout = Layout::Contiguous(rmp);
    let segments: Vec<_> = layout.segments().collect();
    assert_eq!(
        segments,
        [Segment {
            index: 0,
            covered: Span::new(0, 10 * GIB),
            entries: Span::new(0x7000_4000, 40 << 20),
            clamped_from: None,
        }]
    );
    assert_eq!(place(&rmp, 0), Some(0x7000_4000));
    assert_eq!(place(&rmp, GIB + 0x1000), Some(0x7040_4010));
    assert_eq!(
        place(&rmp, 10 * GIB - 1),
        Some(0x7000_4000 + (40 << 20) - 16)
    );
    assert_eq!(place(&rmp, 10 * GIB), None);
    assert_eq!(place(&rmp, (1 << 52) - 1), None);
    assert_eq!(issues(&layout, &[0, 1, 4, 9]), []);
    assert_eq!(names(&layout, &[9, 10, 11]), ["ram-uncovered"]);
    assert!(layout.lies_in(region(1)) && !layout.lies_in(region(2)));
    assert_eq!(layout.own_pages(region(1)), 21 * 512);
}

#[test]
fn the_low_bits_of_rmp_end_do_not_matter() {
    let exact = contiguous(10);
    for end in [exact.end & !0x1fff, exact.end | 0x1fff] {
        let rmp = Contiguous::new(RmpRegisters { end, ..exact });
        assert_eq!(
            Layout::Contiguous(rmp).segments().collect::<Vec<_>>(),
            Layout::Contiguous(Contiguous::new(exact))
                .segments()
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_contiguous_rmp_without_room() {
    let rmp = Contiguous::new(RmpRegisters {
        end: 0x7000_3fff,
        ..contiguous(1)
    });
    let layout = Layout::Contiguous(rmp);
    assert_eq!(layout.segments().count(), 0);
    assert_eq!(place(&rmp, 0), None);
    assert_eq!(names(&layout, &[]), ["no-room", "head-uncovered"]);
    let misaligned = RmpRegisters {
        base: 0x7000_0010,
        ..contiguous(10)
    };
    let layout = Layout::Contiguous(Contiguous::new(misaligned));
    assert_eq!(names(&layout, &[]), ["base-misaligned"]);
}

#[test]
fn a_contiguous_rmp_that_does_not_cover_itself() {
    let layout = Layout::Contiguous(Contiguous::new(contiguous(1)));
    assert_eq!(
        names(&layout, &[0]),
        ["head-uncovered", "entries-uncovered"]
    );
}

proptest! {
    /// No register value gives an entry outside of the table.
    #[test]
    fn entries_lie_in_the_contiguous_table(base: u64, end: u64, addr in 0u64..1 << 52) {
        let registers = RmpRegisters { base, end, cfg: 0 };
        let rmp = Contiguous::new(registers);
        if let Some(at) = place(&rmp, addr) {
            prop_assert!(at >= registers.base_addr() + 0x4000);
            prop_assert!(at + 16 <= registers.end_addr() + 0x2000);
            let segment = Layout::Contiguous(rmp).segments().next().unwrap();
            prop_assert!(segment.covered.contains(&Span::new(addr & !0xfff, 4096)));
            prop_assert_eq!(at, segment.entries.start + (addr >> 12) * 16);
        }
        let layout = Layout::Contiguous(rmp);
        let _ = issues(&layout, &[0, 5]);
    }

    /// Random bytes as registers, limits and table: nothing panics, segments stay in bounds, and
    /// whatever is told has a line.
    #[test]
    fn hostile_tables(
        words in prop::collection::vec(any::<u64>(), TABLE_ENTRIES),
        sparse in any::<u8>(),
        base: u64,
        end: u64,
        shift in 0u64..64,
        min_shift in 0u32..64,
        max_shift in 0u32..64,
        cacheable in 0u32..1024,
        hard_limit: bool,
    ) {
        let mut table = [0; TABLE_ENTRIES];
        for (i, (slot, word)) in table.iter_mut().zip(words).enumerate() {
            // From full to almost empty tables.
            if i % (usize::from(sparse) + 1) == 0 {
                *slot = word;
            }
        }
        let limits = SegmentLimits { min_shift, max_shift, cacheable, hard_limit };
        let registers = RmpRegisters { base, end, cfg: 1 | (shift << 8) };
        let layout = Layout::Segmented(Segmented::new(registers, limits, &table));
        let mut before = None;
        for segment in layout.segments() {
            prop_assert!(before < Some(segment.index));
            before = Some(segment.index);
            prop_assert!(segment.index < limits.segments());
            prop_assert_eq!(segment.covered.start, u64::from(segment.index) << shift);
            prop_assert!(segment.covered.len() <= 1 << shift);
            prop_assert!(segment.covered.end <= 1 << 52);
            prop_assert_eq!(segment.entries.start % (1 << 20), 0);
            prop_assert_eq!(segment.entries.len(), segment.covered.len() / 256);
            let first = Region::containing(PhysAddr::new(segment.covered.start).unwrap());
            prop_assert!(layout.covers(first));
        }
        for issue in issues(&layout, &[0, 1, 7, 4000]) {
            let line = issue.to_string();
            prop_assert!(line.starts_with(issue.name()) && !line.contains('\n'));
        }
    }

    /// A region is covered exactly if one segment contains it.
    #[test]
    fn coverage_is_that_of_the_segments(
        gibs in prop::collection::vec(0u64..80, 16),
        gib in 0u32..1200,
    ) {
        let mut table = [0; TABLE_ENTRIES];
        for (i, (slot, size)) in table.iter_mut().zip(&gibs).enumerate() {
            *slot = ((i as u64 + 1) << 30) | size;
        }
        let layout = segmented(registers(29 * GIB, 36), &table);
        let span = Span::of(region(gib));
        let want = layout.segments().any(|segment| segment.covered.contains(&span));
        prop_assert_eq!(layout.covers(region(gib)), want);
        let runs = issues(&layout, &[gib]);
        let told = runs.iter().any(|issue| matches!(issue, Issue::RamUncovered { .. }));
        prop_assert_eq!(told, !want);
    }
}
