// SPDX-License-Identifier: GPL-2.0

//! Ranges as administrators write them.

use crate::{
    engine::control::range::{
        Extent,
        Flaw, //
    },
    sev::addr::Region, //
};
use proptest::prelude::*;

fn gibs(text: &str) -> Result<(u32, u32), Flaw> {
    Extent::parse(text.as_bytes()).map(|e| (e.first.gib(), e.last.gib()))
}

#[test]
fn ranges_are_read() {
    let table = [
        ("4G-8G", (4, 7)),
        ("4G+4G", (4, 7)),
        ("4g+1", (4, 4)),
        ("0-1", (0, 0)),
        ("0x100000000-0x200000000", (4, 7)),
        ("0x100000000-0x1ffffffff", (4, 7)),
        ("0X10+0x10K", (0, 0)),
        ("4194303K+2K", (3, 4)),
        ("4096M-4097M", (4, 4)),
        ("1T+1G", (1024, 1024)),
        ("1T-2t", (1024, 2047)),
        ("4095T+1T", (4095 << 10, (4096 << 10) - 1)),
    ];
    for (text, want) in table {
        assert_eq!(gibs(text), Ok(want), "{text}");
    }
}

#[test]
fn what_is_no_range_is_refused() {
    let malformed = [
        "", "-", "+", "4G", "4G-", "-4G", "G-4G", "4G-4G", "8G-4G", "4G+0", "4G--8G", "4G-8G-9G",
        "4 G-8G", "4GB-8G", "0x-1", "0xg-1G", "1.5G-2G", "4G -8G", "+4G", "4G-8Q", "a-b",
        "\u{e9}-1",
    ];
    for text in malformed {
        assert_eq!(gibs(text), Err(Flaw::Malformed), "{text}");
    }
    let too_far = [
        "0-0x10000000000001",
        "4096T+1",
        "0-18446744073709551616",
        "18446744073709551615+1",
        "0-99999999999T",
        "0x10000000000000-0x10000000000001",
    ];
    for text in too_far {
        assert_eq!(gibs(text), Err(Flaw::TooFar), "{text}");
    }
}

#[test]
fn touching_is_inclusive() {
    let extent = Extent::parse(b"4G-6G").unwrap();
    let touched = |gib| extent.touches(Region::new(gib).unwrap());
    assert!(!touched(3) && touched(4) && touched(5) && !touched(6));
}

proptest! {
    #[test]
    fn any_range_of_bytes_touches_its_ends(start in 0u64..(1 << 52) - 1, size in 1u64..1 << 40) {
        let end = (start + size).min(1 << 52);
        let want = Ok(((start >> 30) as u32, ((end - 1) >> 30) as u32));
        prop_assert_eq!(gibs(&format!("{start}-{end}")), want);
        prop_assert_eq!(gibs(&format!("{start:#x}+{:#x}", end - start)), want);
    }

    #[test]
    fn no_text_is_too_odd(text in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = Extent::parse(&text);
    }
}
