// SPDX-License-Identifier: GPL-2.0

//! Tests of SnpEn, SNP_INIT and the shutdowns, and of the assertion on accesses before the end of SNP_INIT.

use super::*;
use crate::model::addr::{Region, BLOCK};
use crate::model::entry::Owner;
use crate::model::Phase;

/// A Zen 6 without SNP.
fn off(ram: &Ram) -> Machine {
    let config = Config {
        snp: false,
        ..config(Kind::Zen6)
    };
    Machine::new(config, Switches::default(), ram).unwrap()
}

/// Makes the accesses that are forbidden before the end of SNP_INIT. Returns for each whether it ended the run.
fn early(m: &mut Machine) -> [bool; 3] {
    [
        m.rmpopt_begin(0, FREE, 0).is_err(),
        m.rmpopt_begin(0, FREE, 1).is_err(),
        m.wrmsr(0, RMPOPT_BASE, 0).is_err(),
    ]
}

#[test]
fn the_kernel_sets_snpen_cpu_by_cpu() {
    let ram = Ram::default();
    let mut m = off(&ram);
    assert_eq!(early(&mut m), [false; 3]);
    for vcpu in 0..4 {
        assert!(!m.snp_everywhere());
        assert!(m.snp_init_begin().unwrap_err().contains("all CPUs"));
        wrmsr(&mut m, vcpu, SYSCFG, 0b11 << 24);
        assert!(m.snp());
        assert_eq!(early(&mut m), [true; 3]);
    }
    assert_eq!(m.phase(), Phase::Uninitialised);
    m.snp_init_begin().unwrap();
    assert_eq!(m.phase(), Phase::Initialising);
    assert_eq!(early(&mut m), [true; 3]);
    assert!(m.snp_init_begin().is_err());
    m.snp_init_end(&ram).unwrap();
    assert_eq!(m.phase(), Phase::Initialised);
    assert_eq!(early(&mut m), [false; 3]);
    assert!(m.snp_init_begin().is_err());
    assert_eq!(m.counters().platform.inits, 1);
    assert_eq!(m.counters().platform.during_init, 3 * 5);
}

#[test]
fn stores_are_checked_from_the_end_of_snp_init_on() {
    let ram = Ram::default();
    let mut m = off(&ram);
    assert_eq!(m.skips_check(0, Region(4)), None);
    m.snp_prepare();
    m.snp_init_begin().unwrap();
    assert_eq!(m.skips_check(0, Region(4)), None);
    m.snp_init_end(&ram).unwrap();
    assert_eq!(m.skips_check(0, Region(4)), Some(false));
    m.snp_off_legacy();
    assert_eq!(m.skips_check(0, Region(4)), Some(false));
    m.snp_off();
    assert_eq!(m.skips_check(0, Region(4)), None);
}

#[test]
fn the_legacy_shutdown_leaves_all_that_a_core_sees() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), Some(true));
    m.snp_off_legacy();
    assert_eq!(m.phase(), Phase::ShutDown);
    assert!(m.snp_everywhere());
    assert_eq!(rmpopt(&mut m, 0, FREE, 1), Some(true));
    assert_eq!(early(&mut m), [false; 3]);
    // A later SNP_INIT, and its end.
    m.snp_init_begin().unwrap();
    assert_eq!(early(&mut m), [true; 3]);
    m.snp_init_end(&ram).unwrap();
    assert_eq!(rmpopt(&mut m, 0, FREE, 1), None);
    assert_eq!(m.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0));
}

#[test]
fn after_the_full_shutdown_it_begins_anew() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    m.snp_off();
    assert_eq!(m.phase(), Phase::Uninitialised);
    assert!(!m.snp());
    assert_eq!(early(&mut m), [false; 3]);
    m.snp_prepare();
    assert_eq!(early(&mut m), [true; 3]);
}

#[test]
fn snp_init_writes_the_rmp_anew() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    let entries = |m: &Machine| m.entries().collect::<Vec<_>>();
    let new = entries(&m);
    assert_eq!(update(&mut m, &ram, FREE, guest(1, Size::Block, BLOCK)), 0);
    m.snp_off_legacy();
    m.snp_init_begin().unwrap();
    assert_ne!(entries(&m), new);
    m.snp_init_end(&ram).unwrap();
    assert_eq!(entries(&m), new);
    let place = m.layout().entry_address(FREE).unwrap();
    assert_eq!(ram.word(place), 0);
}

#[test]
fn what_is_early_may_fault_or_be_lost() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    for (value, write, bit, optimised) in [
        ("ud", MsrAccess::Fault, None, None),
        ("cleared", MsrAccess::Done(0), Some(true), Some(true)),
    ] {
        m.switches().set("during_init", value).unwrap().unwrap();
        m.snp_off_legacy();
        m.snp_init_begin().unwrap();
        assert_eq!(wrmsr(&mut m, 0, RMPOPT_BASE, 1), write, "{value}");
        assert_eq!(rmpopt(&mut m, 0, FREE, 0), bit, "{value}");
        assert_eq!(rmpopt(&mut m, 0, FREE, 1), optimised, "{value}");
        m.snp_init_end(&ram).unwrap();
        assert_eq!(m.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0), "{value}");
        assert!(m.optimised(Region(4)).is_empty(), "{value}");
    }
    assert_eq!(m.counters().platform.during_init, 2 * 3);
}

#[test]
fn an_rmpopt_that_meets_a_whole_snp_init_has_read_the_old_rmp() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    let Begin::Run(flight) = m.rmpopt_begin(0, FREE, 0).unwrap() else {
        panic!("#UD");
    };
    m.snp_on(&ram).unwrap();
    wrmsr(&mut m, 0, RMPOPT_BASE, 1);
    assert_eq!(m.rmpopt_end(flight), Ok(false));
}

#[test]
fn the_rmp_is_clear_from_snpen_to_snp_init() {
    let ram = Ram::default();
    let mut m = off(&ram);
    let own = 0x7000_0000;
    for by_msr in [false, true] {
        m.snp_on(&ram).unwrap();
        assert_eq!(m.entry(own).owner(), Owner::Firmware);
        assert_eq!(update(&mut m, &ram, FREE, guest(1, Size::Block, BLOCK)), 0);
        m.snp_off();
        assert!(m.held().count() >= 2);
        m.counters().regions.became_empty = 0;
        if by_msr {
            wrmsr(&mut m, 0, SYSCFG, 0b11 << 24);
        }
        m.snp_prepare();
        assert_eq!(m.held().count(), 0);
        // The region of the RMP itself does not become empty: SNP_INIT assigns it again.
        assert_eq!(m.counters().regions.became_empty, 1);
        m.snp_init_begin().unwrap();
        m.snp_init_end(&ram).unwrap();
        assert_eq!(m.entry(own).owner(), Owner::Firmware);
        // A later SNP_INIT finds the RMP unchanged.
        m.snp_off_legacy();
        m.snp_prepare();
        assert_eq!(m.entry(own).owner(), Owner::Firmware);
        m.snp_off();
        let place = m.layout().entry_address(FREE).unwrap();
        assert_eq!(ram.word(place), 0);
    }
}
