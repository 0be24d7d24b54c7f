// SPDX-License-Identifier: GPL-2.0

use crate::sev::{
    addr::{
        PhysAddr,
        Region,
        GIB, //
    },
    msr::{
        Hwcr,
        RmpRegisters,
        RmpoptBase,
        Syscfg, //
    }, //
};

#[test]
fn snp_is_bit_24() {
    for bit in 0..64 {
        assert_eq!(Syscfg(1 << bit).snp_enabled(), bit == 24);
    }
}

#[test]
fn the_other_bits_that_are_shown() {
    for bit in 0..64 {
        assert_eq!(Syscfg(1 << bit).memory_encryption(), bit == 23);
        assert_eq!(Syscfg(1 << bit).vmpl_enabled(), bit == 25);
        assert_eq!(Hwcr(1 << bit).smm_locked(), bit == 0);
    }
}

#[test]
fn a_contiguous_rmp_needs_a_base_and_an_end() {
    let rmp = |base, end| RmpRegisters { base, end, cfg: 0 };
    assert!(rmp(0x7000_0000, 0x73ff_ffff).present());
    assert!(!rmp(0, 0x73ff_ffff).present());
    assert!(!rmp(0x7000_0000, 0).present());
    assert!(!rmp(0x7000_0000, 0x7000_0000).present());
    // Reserved bits alone are no address.
    assert!(!rmp(0x1fff, 0x73ff_ffff).present());
}

#[test]
fn a_segmented_rmp_needs_a_base_only() {
    let rmp = RmpRegisters {
        base: 0x7000_0000,
        end: 0,
        cfg: 1 | (36 << 8),
    };
    assert!(rmp.present() && rmp.segmented());
    assert_eq!(rmp.segment_shift(), 36);
    assert!(!RmpRegisters { base: 0, ..rmp }.present());
}

#[test]
fn addresses_lose_their_reserved_bits() {
    let rmp = RmpRegisters {
        base: u64::MAX,
        end: u64::MAX,
        cfg: 0,
    };
    assert_eq!(rmp.base_addr(), 0x000f_ffff_ffff_e000);
    assert_eq!(rmp.end_addr(), 0x000f_ffff_ffff_e000);
}

#[test]
fn rmpopt_base_holds_a_region_and_a_switch() {
    let region = Region::new(5).unwrap();
    assert_eq!(RmpoptBase::on(region).0, (5 * GIB) | 1);
    assert!(RmpoptBase::on(region).enabled());
    assert_eq!(RmpoptBase::on(region).first(), Some(region));
    assert!(!RmpoptBase::OFF.enabled());
    assert_eq!(RmpoptBase(u64::MAX).first(), None);
}

#[test]
fn regions_end_with_the_address_space() {
    assert!(Region::new(Region::LIMIT).is_none());
    let last = Region::new(Region::LIMIT - 1).unwrap();
    assert!(PhysAddr::new(last.base().as_u64() + GIB - 1).is_some());
    assert!(PhysAddr::new(1 << 52).is_none());
    let end = PhysAddr::new((1 << 52) - 1).unwrap();
    assert_eq!(Region::containing(end), last);
}
