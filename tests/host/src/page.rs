// SPDX-License-Identifier: GPL-2.0

use crate::sev::{
    addr::{
        PhysAddr,
        Region,
        GIB, //
    },
    page::{
        parse,
        BadAddress,
        Block,
        Page, //
    }, //
};
use proptest::prelude::*;

fn address(text: &str) -> Result<u64, BadAddress> {
    parse(text.as_bytes()).map(|page| page.base().as_u64())
}

#[test]
fn decimal_and_hexadecimal() {
    assert_eq!(address("0"), Ok(0));
    assert_eq!(address("4096"), Ok(4096));
    assert_eq!(address("0x140000000"), Ok(5 * GIB));
    assert_eq!(address("0X7FfF000"), Ok(0x7ff_f000));
    // Not octal.
    assert_eq!(address("0010240"), Err(BadAddress::Unaligned));
    assert_eq!(address("0008192"), Ok(8192));
    assert_eq!(address("0xffffffffff000"), Ok((1 << 52) - 4096));
}

#[test]
fn anything_else_is_refused() {
    let bad = [
        "",
        "0x",
        "x",
        "-4096",
        "+4096",
        "4096 ",
        "0x1000 0x2000",
        "0x10g0",
        "1e6",
        "4_096",
        "0b1",
        "99999999999999999999999999999z",
        "\u{ff11}",
    ];
    for text in bad {
        assert_eq!(address(text), Err(BadAddress::NotANumber), "{text:?}");
    }
    for text in [
        "0x10000000000000",
        "4503599627370496",
        "0xffffffffffffffff",
        "18446744073709551616",
        "999999999999999999999999999999999999999999",
    ] {
        assert_eq!(address(text), Err(BadAddress::TooLarge), "{text:?}");
    }
    for text in ["1", "4095", "0x1001", "0xfffffffffffff"] {
        assert_eq!(address(text), Err(BadAddress::Unaligned), "{text:?}");
    }
    assert_eq!(parse(&[0xff, 0]), Err(BadAddress::NotANumber));
}

#[test]
fn a_region_is_512_blocks_of_512_pages() {
    let region = Region::new(7).unwrap();
    let mut at = region.base().as_u64();
    for block in Block::all_of(region) {
        for page in std::iter::once(block.head()).chain(block.rest()) {
            assert_eq!(page.base().as_u64(), at);
            assert_eq!(page.block(), block);
            at += 4096;
        }
    }
    assert_eq!(at, 8 * GIB);
}

proptest! {
    #[test]
    fn every_page_reads_back(frame in 0u64..1 << 40) {
        let addr = frame << 12;
        let page = Page::containing(PhysAddr::new(addr | 0xfff).unwrap());
        prop_assert_eq!(page.frame(), frame);
        prop_assert_eq!(address(&format!("{addr}")), Ok(addr));
        prop_assert_eq!(address(&format!("{addr:#x}")), Ok(addr));
        prop_assert_eq!(page.block().base().as_u64(), addr & !0x1f_ffff);
    }

    #[test]
    fn no_text_is_misread(text in "[0-9a-fxX -]{0,24}") {
        let lower = text.to_lowercase();
        let value = match lower.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16).ok(),
            None => lower.parse::<u128>().ok(),
        };
        match (address(&text), value) {
            (Ok(addr), Some(value)) => prop_assert_eq!(u128::from(addr), value),
            (Ok(_), None) => prop_assert!(false),
            (Err(BadAddress::NotANumber), value) => prop_assert_eq!(value, None),
            (Err(BadAddress::TooLarge), value) => prop_assert!(value.unwrap() >> 52 != 0),
            (Err(BadAddress::Unaligned), value) => prop_assert!(value.unwrap() % 4096 != 0),
        }
    }
}
