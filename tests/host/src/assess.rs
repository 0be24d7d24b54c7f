// SPDX-License-Identifier: GPL-2.0

use crate::sev::{
    assess::{
        assess,
        Found,
        Native,
        ObserveReason,
        Refusal,
        Role, //
    },
    cpuid::{
        Features,
        SegmentLimits, //
    },
    msr::{
        RmpRegisters,
        RmpoptBase, //
    }, //
};

fn zen6() -> Found {
    Found {
        features: Features {
            amd: true,
            snp: true,
            rmpread: true,
            segmented: Some(SegmentLimits {
                min_shift: 36,
                max_shift: 42,
                cacheable: 16,
                hard_limit: true,
            }),
            rmpopt: true,
        },
        rmp: RmpRegisters {
            base: 0x7000_0000,
            end: 0,
            cfg: 1 | (36 << 8),
        },
        ..Found::default()
    }
}

#[test]
fn zen6_optimises_whether_snp_is_on_already_or_not() {
    assert_eq!(assess(&zen6()), Ok(Role::Optimise));
}

#[test]
fn refusals_in_the_order_in_which_they_are_found() {
    let mut found = zen6();
    found.rmp = RmpRegisters::default();
    assert_eq!(assess(&found), Err(Refusal::NoRmp));
    found.features.snp = false;
    assert_eq!(assess(&found), Err(Refusal::NoSnp));
    found.features.amd = false;
    assert_eq!(assess(&found), Err(Refusal::NotAmd));
}

#[test]
fn each_refusal_has_a_reason_and_a_remedy() {
    for refusal in [Refusal::NotAmd, Refusal::NoSnp, Refusal::NoRmp] {
        assert!(refusal.reason().len() > 10);
        assert!(refusal.remedy().len() > 10);
    }
}

#[test]
fn without_the_instruction_it_observes() {
    let mut found = zen6();
    found.features.rmpopt = false;
    let role = assess(&found);
    assert_eq!(role, Ok(Role::Observe(ObserveReason::NoRmpopt)));
}

#[test]
fn rmpopt_needs_a_segmented_rmp() {
    let mut found = zen6();
    found.rmp.cfg = 0;
    found.rmp.end = 0x73ff_ffff;
    let role = assess(&found);
    assert_eq!(role, Ok(Role::Observe(ObserveReason::ContiguousRmp)));
}

#[test]
fn a_kernel_with_rmpopt_of_its_own_is_known_by_its_feature_bit() {
    let mut found = zen6();
    found.native = true;
    assert_eq!(assess(&found), Ok(Role::Native));
    // Without the instruction the bit says nothing.
    found.features.rmpopt = false;
    assert_eq!(assess(&found), Ok(Role::Observe(ObserveReason::NoRmpopt)));
}

#[test]
fn assisting_is_what_is_done_beside_it_unless_asked_for_something_else() {
    assert_eq!(Native::default(), Native::Assist);
    let names: Vec<_> = Native::ALL.iter().map(|native| native.name()).collect();
    assert_eq!(names, ["assist", "observe", "takeover"]);
}

#[test]
fn what_an_earlier_load_has_left_on_is_no_kernel_with_rmpopt() {
    let mut found = zen6();
    found.rmpopt_base = RmpoptBase(1);
    assert_eq!(assess(&found), Ok(Role::Optimise));
}
