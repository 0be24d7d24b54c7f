// SPDX-License-Identifier: GPL-2.0

use crate::sev::entry::{
    Entry,
    Owner,
    Size, //
};
use proptest::prelude::*;

/// The fields that the two forms have in common.
fn common(entry: &Entry) -> (bool, Size, bool, u64, u32) {
    let Entry {
        assigned,
        size,
        immutable,
        gpa,
        asid,
        ..
    } = *entry;
    (assigned, size, immutable, gpa, asid)
}

/// The 16 bytes as the manual lays them out.
fn operand(gpa: u64, assigned: u8, size: u8, immutable: u8, asid: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&gpa.to_le_bytes());
    bytes[8] = assigned;
    bytes[9] = size;
    bytes[10] = immutable;
    bytes[12..].copy_from_slice(&asid.to_le_bytes());
    bytes
}

#[test]
fn a_page_of_the_host_is_all_zero() {
    for entry in [
        Entry::from_raw(0),
        Entry::from_rmpread([0; 16]),
        Entry::UNCOVERED,
    ] {
        assert_eq!(entry.owner(), Owner::Hypervisor);
        assert_eq!(common(&entry), (false, Size::Page, false, 0, 0));
    }
}

#[test]
fn a_guest_page_as_zen_4_stores_it() {
    // ASID 5, guest address 4 GiB + 2 MiB, 2 MiB, validated.
    let entry = Entry::from_raw((1 << 62) | (5 << 51) | 0x1_0020_0000 | 0b011);
    assert_eq!(entry.owner(), Owner::Guest(5));
    assert_eq!(common(&entry), (true, Size::Block, false, 0x1_0020_0000, 5));
    assert_eq!((entry.vmsa, entry.validated), (Some(false), Some(true)));
    assert_eq!(entry.others, None);
    assert!(entry.stands_for_block());
}

#[test]
fn a_firmware_page_in_both_forms() {
    let raw = Entry::from_raw(0b101);
    let read = Entry::from_rmpread(operand(0, 1, 0, 1, 0));
    assert_eq!(raw.owner(), Owner::Firmware);
    assert_eq!(common(&raw), common(&read));
    assert_eq!(read.others, Some(false));
    assert!(!read.stands_for_block());
}

#[test]
fn others_is_bit_1_of_the_size() {
    let entry = Entry::from_rmpread(operand(0, 0, 2, 0, 0));
    assert_eq!(entry.others, Some(true));
    assert_eq!(entry.size, Size::Page);
    assert!(!entry.assigned);
}

#[test]
fn a_size_bit_alone_stands_for_nothing() {
    assert!(!Entry::from_raw(0b010).stands_for_block());
}

proptest! {
    /// Whatever an entry holds, both forms tell the same.
    #[test]
    fn both_forms_agree(
        gpa in (0u64..1 << 39).prop_map(|page| page << 12),
        assigned: bool,
        huge: bool,
        immutable: bool,
        asid in 0u32..1 << 10,
        vmsa: bool,
        validated: bool,
        others: bool,
        high_reserved: bool,
    ) {
        let bit = |set: bool, bit: u32| u64::from(set) << bit;
        let raw = bit(assigned, 0) | bit(huge, 1) | bit(immutable, 2) | gpa
            | (u64::from(asid) << 51) | bit(vmsa, 61) | bit(validated, 62) | bit(high_reserved, 63)
            | 0xff8;
        let raw = Entry::from_raw(raw);
        let size = u8::from(huge) | (u8::from(others) << 1);
        let read = Entry::from_rmpread(
            operand(gpa, u8::from(assigned), size, u8::from(immutable), asid)
        );
        prop_assert_eq!(common(&raw), common(&read));
        prop_assert_eq!(raw.owner(), read.owner());
        prop_assert_eq!(common(&raw).3, gpa);
        prop_assert_eq!(raw.vmsa, Some(vmsa));
        prop_assert_eq!(raw.validated, Some(validated));
        prop_assert_eq!(read.others, Some(others));
        prop_assert_eq!(read.vmsa, None);
    }

    /// Reserved bits change nothing.
    #[test]
    fn reserved_bits_are_ignored(bytes: [u8; 16]) {
        let entry = Entry::from_rmpread(bytes);
        let mut clean = bytes;
        clean[8] &= 1;
        clean[9] &= 3;
        clean[10] &= 1;
        clean[11] = 0;
        prop_assert_eq!(entry, Entry::from_rmpread(clean));
    }
}
