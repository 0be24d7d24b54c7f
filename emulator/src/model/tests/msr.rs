// SPDX-License-Identifier: GPL-2.0

//! Tests of the MSRs of each processor.

use super::*;
use crate::model::addr::{Region, PAGE};

#[test]
fn msrs_of_each_processor() {
    let ram = Ram::default();
    for (kind, rmp_base, end, config, rmpopt) in [
        (Kind::Zen6, 0x7000_0000, 0, Some(0x2401), true),
        (Kind::Zen5, 0x7000_0000, 0, Some(0x2401), false),
        (Kind::Zen4, 0x7000_0000, 0x7200_3fff, None, false),
    ] {
        let machine = machine(kind, &ram);
        let value = |msr| match machine.rdmsr(0, msr) {
            MsrAccess::Done(value) => Some(value),
            _ => None,
        };
        assert_eq!(value(SYSCFG), Some(0x0380_0000), "{kind:?}");
        assert_eq!(value(HWCR), Some(1));
        assert_eq!(value(RMP_BASE), Some(rmp_base));
        assert_eq!(value(RMP_END), Some(end));
        assert_eq!(value(RMP_CFG), config);
        assert_eq!(value(RMPOPT_BASE), rmpopt.then_some(0));
        assert_eq!(machine.rdmsr(0, 0xc000_0080), MsrAccess::Pass);
    }
}

#[test]
fn without_snp_there_is_nothing() {
    let ram = Ram::default();
    let mut machine = machine(Kind::None, &ram);
    assert_eq!(machine.rdmsr(0, SYSCFG), MsrAccess::Pass);
    assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Fault);
    assert_eq!(wrmsr(&mut machine, 0, RMPOPT_BASE, 1), MsrAccess::Fault);
    assert_eq!(
        machine.rmpupdate(&ram, 0, &shared(Size::Page)),
        Ok(Outcome::Undefined)
    );
    assert_eq!(machine.psmash(&ram, 0), Ok(Outcome::Undefined));
    assert_eq!(machine.rmpread(0), (Outcome::Undefined, None));
    assert_eq!(rmpopt(&mut machine, 0, 0, 0), None);
    assert!(ram.0.borrow().is_empty());
}

#[test]
fn zen4_has_no_rmpread_and_zen5_no_rmpopt() {
    let ram = Ram::default();
    let mut zen4 = machine(Kind::Zen4, &ram);
    assert_eq!(zen4.rmpread(0), (Outcome::Undefined, None));
    assert_eq!(wrmsr(&mut zen4, 0, RMPOPT_BASE, 1), MsrAccess::Fault);
    assert_eq!(update(&mut zen4, &ram, 0, guest(1, Size::Page, 0)), 0);
    let mut zen5 = machine(Kind::Zen5, &ram);
    assert_eq!(wrmsr(&mut zen5, 0, RMPOPT_BASE, 1), MsrAccess::Fault);
    assert_eq!(rmpopt(&mut zen5, 0, 0, 1), None);
    assert_eq!(read(&mut zen5, 0), [0; 16]);
}

#[test]
fn syscfg_is_locked_once_snp_is_on() {
    let ram = Ram::default();
    let mut machine = machine(Kind::Zen6, &ram);
    let before = machine.rdmsr(1, SYSCFG);
    assert_eq!(wrmsr(&mut machine, 1, SYSCFG, 0), MsrAccess::Done(0));
    assert_eq!(machine.rdmsr(1, SYSCFG), before);
    machine.snp_off();
    assert_eq!(machine.rdmsr(1, SYSCFG), MsrAccess::Done(1 << 23));
    wrmsr(&mut machine, 1, SYSCFG, (1 << 19) | (1 << 23));
    assert_eq!(
        machine.rdmsr(1, SYSCFG),
        MsrAccess::Done((1 << 19) | (1 << 23))
    );
    assert_eq!(machine.rdmsr(0, SYSCFG), MsrAccess::Done(1 << 23));
    wrmsr(&mut machine, 1, SYSCFG, 1 << 24);
    assert!(machine.snp() && !machine.snp_everywhere());
    wrmsr(&mut machine, 1, SYSCFG, 0);
    assert_eq!(
        machine.rdmsr(1, SYSCFG),
        MsrAccess::Done((1 << 23) | (1 << 24))
    );
    assert_eq!(wrmsr(&mut machine, 0, RMP_BASE, 0), MsrAccess::Fault);
}

#[test]
fn rmpopt_base_is_one_for_a_core() {
    let ram = Ram::default();
    let mut machine = machine(Kind::Zen6, &ram);
    wrmsr(&mut machine, 1, RMPOPT_BASE, (2 * REGION) | 1);
    assert_eq!(
        machine.rdmsr(0, RMPOPT_BASE),
        MsrAccess::Done((2 * REGION) | 1)
    );
    assert_eq!(machine.rdmsr(2, RMPOPT_BASE), MsrAccess::Done(0));
    assert_eq!(machine.counters().rmpopt_base.by_core, [1, 0]);
    assert_eq!(
        wrmsr(&mut machine, 0, RMPOPT_BASE, 1 << 52),
        MsrAccess::Fault
    );
    assert_eq!(machine.counters().rmpopt_base.writes, 2);
}

#[test]
fn open_questions_of_rmpopt_base() {
    let ram = Ram::default();
    let mut machine = ready(&ram);
    let write = |machine: &mut Machine, value| wrmsr(machine, 0, RMPOPT_BASE, value);
    let switch = |machine: &mut Machine, name, value| {
        assert_eq!(machine.switches().set(name, value), Some(Ok(())));
    };
    switch(&mut machine, "enable_sticky", "clear");
    let optimise = |machine: &mut Machine| assert_eq!(rmpopt(machine, 0, FREE, 0), Some(true));
    let has = |machine: &mut Machine| machine.optimised(Region(4)) == [0];

    assert_eq!(write(&mut machine, PAGE | 1), MsrAccess::Fault);
    switch(&mut machine, "unaligned_base", "align");
    assert_eq!(write(&mut machine, PAGE | 1), MsrAccess::Done(0));
    assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(1));

    optimise(&mut machine);
    write(&mut machine, 1);
    assert!(!has(&mut machine));
    switch(&mut machine, "base_write_clears", "change");
    optimise(&mut machine);
    write(&mut machine, 1);
    assert!(has(&mut machine));
    write(&mut machine, 0);
    write(&mut machine, 1);
    assert!(!has(&mut machine));
    switch(&mut machine, "base_write_clears", "base");
    optimise(&mut machine);
    write(&mut machine, 0);
    assert!(!has(&mut machine));
    write(&mut machine, 1);
    assert!(has(&mut machine));
    write(&mut machine, REGION | 1);
    assert!(!has(&mut machine));

    machine.snp_off();
    assert_eq!(write(&mut machine, 1), MsrAccess::Fault);
    switch(&mut machine, "early_enable", "ignore");
    assert_eq!(write(&mut machine, 1), MsrAccess::Done(0));
    assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0));
    assert_eq!(write(&mut machine, 0), MsrAccess::Done(0));
}

#[test]
fn a_shutdown_may_leave_rmpopt_base() {
    for (value, left) in [("cleared", 0), ("kept", 1)] {
        let ram = Ram::default();
        let mut machine = machine(Kind::Zen6, &ram);
        let set = machine.switches().set("shutdown_base", value);
        assert_eq!(set, Some(Ok(())));
        wrmsr(&mut machine, 0, RMPOPT_BASE, 1);
        machine.snp_off();
        assert_eq!(
            machine.rdmsr(0, RMPOPT_BASE),
            MsrAccess::Done(left),
            "{value}"
        );
        assert_eq!(rmpopt(&mut machine, 0, FREE, 0), None, "{value}: #UD");
        machine.snp_on(&ram).unwrap();
        assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0), "{value}");
    }
}

#[test]
fn snp_may_hold_rmpopt_en_and_the_base() {
    const REFUSALS: [(&str, Option<MsrAccess>); 3] = [
        ("ignored", Some(MsrAccess::Done(0))),
        ("gp", Some(MsrAccess::Fault)),
        ("clear", None),
    ];
    for (sticky, clearing) in REFUSALS {
        for (moves, moving) in REFUSALS {
            let moves = if moving.is_none() { "yes" } else { moves };
            let ram = Ram::default();
            let mut machine = ready(&ram);
            for (name, value) in [("enable_sticky", sticky), ("base_moves", moves)] {
                assert_eq!(machine.switches().set(name, value), Some(Ok(())));
            }
            let write = |machine: &mut Machine, value| wrmsr(machine, 0, RMPOPT_BASE, value);
            let what = format!("enable_sticky={sticky}, base_moves={moves}");
            assert_eq!(write(&mut machine, 1), MsrAccess::Done(0), "{what}");
            assert_eq!(rmpopt(&mut machine, 0, FREE, 0), Some(true), "{what}");

            let ended = moving.unwrap_or(MsrAccess::Done(0));
            assert_eq!(write(&mut machine, REGION | 1), ended, "{what}");
            let base = if moving.is_none() { REGION | 1 } else { 1 };
            let held = moving.is_some();
            assert_eq!(
                machine.rdmsr(0, RMPOPT_BASE),
                MsrAccess::Done(base),
                "{what}"
            );
            assert_eq!(machine.optimised(Region(4)) == [0], held, "{what}");

            let ended = clearing.unwrap_or(MsrAccess::Done(0));
            assert_eq!(write(&mut machine, 0), ended, "{what}");
            let base = if clearing.is_none() { 0 } else { base };
            assert_eq!(
                machine.rdmsr(0, RMPOPT_BASE),
                MsrAccess::Done(base),
                "{what}"
            );
            let held = held && clearing.is_some();
            assert_eq!(machine.optimised(Region(4)) == [0], held, "{what}");

            // The platform may write any value, and without SNP so may the guest.
            assert_eq!(machine.write_base(0, 0), MsrAccess::Done(0), "{what}");
            assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0), "{what}");
            assert_eq!(write(&mut machine, 1), MsrAccess::Done(0), "{what}");
            assert_eq!(
                machine.switches().set("shutdown_base", "kept"),
                Some(Ok(()))
            );
            machine.snp_off();
            assert_eq!(write(&mut machine, 0), MsrAccess::Done(0), "{what}");
            assert_eq!(machine.rdmsr(0, RMPOPT_BASE), MsrAccess::Done(0), "{what}");
        }
    }
}
