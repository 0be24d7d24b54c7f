// SPDX-License-Identifier: GPL-2.0

//! Tests of RMPOPT: tables, scans, stored results, races.

use super::*;
use crate::model::addr::Region;
use crate::model::switches::CoreFault;
use crate::model::Work;

#[test]
fn rmpopt_is_undefined_until_the_core_has_it_on() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), None);
    wrmsr(&mut m, 1, RMPOPT_BASE, 1);
    assert_eq!(rmpopt(&mut m, 0, FREE, 1), Some(false));
    assert_eq!(rmpopt(&mut m, 2, FREE, 1), None);
    m.snp_off();
    assert_eq!(rmpopt(&mut m, 0, FREE, 1), None);
    assert_eq!(m.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0));
    let counts = &m.counters().rmpopt;
    assert_eq!(
        (counts.ud, counts.by_core[0].ud, counts.by_core[1].ud),
        (3, 2, 1)
    );
}

#[test]
fn verify_sets_the_bit_that_report_reports() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    assert_eq!(rmpopt(&mut m, 0, FREE + 12345, 1), Some(false));
    assert_eq!(rmpopt(&mut m, 0, FREE + 12345, 0), Some(true));
    assert_eq!(rmpopt(&mut m, 1, FREE, 1), Some(true));
    assert_eq!(rmpopt(&mut m, 2, FREE, 1), Some(false));
    assert_eq!(m.optimised(Region(4)), [0]);
    assert_eq!(m.skips_check(1, Region(4)), Some(true));
    assert_eq!(m.skips_check(2, Region(4)), Some(false));
    assert_eq!(m.table(0), Some((1, vec![4])));
    // The RMP itself, and firmware.
    assert_eq!(rmpopt(&mut m, 0, REGION, 0), Some(false));
    assert_eq!(rmpopt(&mut m, 0, 3 * REGION, 0), Some(false));
}

#[test]
fn only_the_first_core_scans() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    rmpopt(&mut m, 0, FREE, 0);
    rmpopt(&mut m, 0, FREE, 0);
    rmpopt(&mut m, 2, FREE, 0);
    assert_eq!(m.counters().rmpopt.scans, 1);
    assert_eq!(m.counters().rmpopt.entries_read, 512);
    assert_eq!(m.optimised(Region(4)), [0, 1]);
    m.forget();
    m.write_base(1, 1);
    rmpopt(&mut m, 2, FREE, 0);
    assert_eq!(m.counters().rmpopt.scans, 2);
    // There is no such shortcut for a region that failed.
    rmpopt(&mut m, 0, REGION, 0);
    rmpopt(&mut m, 2, REGION, 0);
    let counts = &m.counters().rmpopt;
    assert_eq!((counts.scans, counts.failed_scans), (4, 2));
    assert_eq!((counts.verify, counts.success, counts.fail), (6, 4, 2));
}

#[test]
fn a_region_names_the_cores_that_scanned_it() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    // The second core takes the stored result of the first; a report scans nothing.
    rmpopt(&mut m, 2, FREE, 0);
    rmpopt(&mut m, 0, FREE, 0);
    rmpopt(&mut m, 0, 5 * REGION, 1);
    // A scan that fails leaves no stored result.
    rmpopt(&mut m, 0, REGION, 0);
    rmpopt(&mut m, 2, REGION, 0);
    for (region, cores) in [(4, &[1][..]), (5, &[]), (1, &[0, 1])] {
        let scanned_by = &m.counters().region(Region(region)).scanned_by;
        assert!(scanned_by.iter().eq(cores), "{region}: {scanned_by:?}");
    }
}

#[test]
fn the_stored_result_has_a_switch() {
    let ram = Ram::default();
    // With 1 the second core's scan of region 5 pushes the result of 4 out.
    for (value, scans) in [("kept", 2), ("off", 4), ("1", 4), ("2", 2)] {
        let mut m = ready(&ram);
        m.switches().set("stored_result", value).unwrap().unwrap();
        for vcpu in [0, 2] {
            for region in [5, 4] {
                rmpopt(&mut m, vcpu, region * REGION, 0);
            }
        }
        assert_eq!(m.counters().rmpopt.scans, scans, "{value}");
    }
}

#[test]
fn an_assignment_clears_all_tables_and_giving_back_sets_none() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    for vcpu in [0, 2] {
        rmpopt(&mut m, vcpu, FREE, 0);
        rmpopt(&mut m, vcpu, 5 * REGION, 0);
    }
    update(&mut m, &ram, FREE, guest(1, Size::Page, 0));
    assert!(m.optimised(Region(4)).is_empty());
    assert_eq!(m.optimised(Region(5)), [0, 1]);
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), Some(false));
    update(&mut m, &ram, FREE, shared(Size::Page));
    assert!(m.optimised(Region(4)).is_empty());
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), Some(true));
    let regions = &m.counters().regions;
    assert_eq!((regions.became_assigned, regions.became_empty), (1, 1));
    assert_eq!(regions.by_region[&4].displaced, 1);
    assert_eq!(m.counters().rmpopt.scans, 4);
}

#[test]
fn rmpupdate_wins_the_race() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    for free_again in [false, true] {
        let Begin::Run(flight) = m.rmpopt_begin(0, FREE, 0).unwrap() else {
            panic!("#UD");
        };
        assert!(matches!(flight.work(), Work::Scan { free: true, .. }));
        update(&mut m, &ram, FREE, guest(1, Size::Page, 0));
        if free_again {
            update(&mut m, &ram, FREE, shared(Size::Page));
        }
        assert_eq!(m.rmpopt_end(flight), Ok(false));
        assert!(m.optimised(Region(4)).is_empty());
        if !free_again {
            update(&mut m, &ram, FREE, shared(Size::Page));
        }
    }
}

#[test]
fn a_core_that_loses_its_table_meanwhile_gets_no_bit() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    let Begin::Run(flight) = m.rmpopt_begin(0, FREE, 0).unwrap() else {
        panic!("#UD");
    };
    m.snp_off();
    assert_eq!(m.rmpopt_end(flight), Ok(false));
    m.snp_on(&ram).unwrap();
    assert!(m.optimised(Region(4)).is_empty());
}

#[test]
fn cores_in_one_region_are_counted_once_each() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    let begin = |m: &mut Machine, vcpu, pa| match m.rmpopt_begin(vcpu, pa, 0).unwrap() {
        Begin::Run(flight) => flight,
        Begin::Undefined => panic!("#UD"),
    };
    let sibling = begin(&mut m, 1, FREE);
    let first = begin(&mut m, 0, FREE);
    let elsewhere = begin(&mut m, 2, 5 * REGION);
    assert_eq!(m.counters().rmpopt.most_cores_in_region, 1);
    m.rmpopt_end(elsewhere).unwrap();
    let second = begin(&mut m, 2, FREE);
    assert_eq!(m.counters().rmpopt.most_cores_in_region, 2);
    for flight in [sibling, first, second] {
        m.rmpopt_end(flight).unwrap();
    }
    begin(&mut m, 0, FREE);
    assert_eq!(m.counters().rmpopt.most_cores_in_region, 2);
}

#[test]
fn windows_and_functions() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    m.write_base(0, (5 * REGION) | 1);
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), Some(false));
    assert_eq!(m.counters().rmpopt.scans, 0);
    m.switches().set("outside_window", "ud").unwrap().unwrap();
    assert_eq!(rmpopt(&mut m, 0, FREE, 0), None);
    assert_eq!(rmpopt(&mut m, 0, 5 * REGION, 2), None);
    assert_eq!((m.counters().rmpopt.other, m.counters().rmpopt.ud), (0, 2));
    m.switches()
        .set("function_above_1", "report")
        .unwrap()
        .unwrap();
    assert_eq!(rmpopt(&mut m, 0, 5 * REGION, 2), Some(false));
    m.switches()
        .set("function_above_1", "mask")
        .unwrap()
        .unwrap();
    assert_eq!(rmpopt(&mut m, 0, 5 * REGION, 2), Some(true));
    assert_eq!(rmpopt(&mut m, 0, FREE, 2), None);
    assert_eq!((m.counters().rmpopt.other, m.counters().rmpopt.ud), (2, 3));
    // What the RMP does not cover belongs to the hypervisor.
    assert_eq!(rmpopt(&mut m, 0, 9 * REGION, 0), Some(true));
    m.switches().set("uncovered", "cf0").unwrap().unwrap();
    assert_eq!(rmpopt(&mut m, 0, 10 * REGION, 0), Some(false));
}

#[test]
fn a_broken_core() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    assert!(m.break_core(0, CoreFault::Undefined));
    assert_eq!(rmpopt(&mut m, 1, FREE, 0), None);
    assert_eq!(rmpopt(&mut m, 2, FREE, 0), Some(true));
    assert!(m.break_core(0, CoreFault::Protection));
    assert_eq!(wrmsr(&mut m, 0, RMPOPT_BASE, 1), MsrAccess::Fault);
    assert!(m.break_core(0, CoreFault::Well));
    assert_eq!(wrmsr(&mut m, 0, RMPOPT_BASE, 1), MsrAccess::Done(0));
    assert!(!m.break_core(2, CoreFault::Well));
}

#[test]
fn raced_scans_are_one_for_each_core_and_race() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    rmpopt(&mut m, 0, FREE, 0);
    m.reset_counters();
    update(&mut m, &ram, FREE, guest(1, Size::Page, 0));
    for _ in 0..3 {
        rmpopt(&mut m, 0, FREE, 0);
        rmpopt(&mut m, 2, FREE, 0);
    }
    assert_eq!(m.counters().raced_scans, 2);
    assert_eq!(m.counters().rmpopt.failed_scans, 6);
    // The page was assigned before any core had found the region free: the failed scan does not count as raced.
    update(&mut m, &ram, FREE, shared(Size::Page));
    update(&mut m, &ram, FREE, guest(1, Size::Page, 0));
    rmpopt(&mut m, 0, FREE, 0);
    assert_eq!(m.counters().raced_scans, 2);
}
