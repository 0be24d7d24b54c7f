// SPDX-License-Identifier: GPL-2.0

use crate::sev::{
    assess::{
        assess,
        Found,
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
    },
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
    assert_eq!(assess(&zen6(), false), Ok(Role::Optimise));
}

#[test]
fn refusals_in_the_order_in_which_they_are_found() {
    let mut found = zen6();
    found.rmp = RmpRegisters::default();
    assert_eq!(assess(&found, true), Err(Refusal::NoRmp));
    found.features.snp = false;
    assert_eq!(assess(&found, true), Err(Refusal::NoSnp));
    found.features.amd = false;
    assert_eq!(assess(&found, true), Err(Refusal::NotAmd));
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
    let role = assess(&found, true);
    assert_eq!(role, Ok(Role::Observe(ObserveReason::NoRmpopt)));
}

#[test]
fn rmpopt_needs_a_segmented_rmp() {
    let mut found = zen6();
    found.rmp.cfg = 0;
    found.rmp.end = 0x73ff_ffff;
    let role = assess(&found, true);
    assert_eq!(role, Ok(Role::Observe(ObserveReason::ContiguousRmp)));
}

#[test]
fn what_the_kernel_has_enabled_is_left_alone_unless_told() {
    let mut found = zen6();
    found.rmpopt_base = RmpoptBase(1);
    let role = assess(&found, false);
    assert_eq!(role, Ok(Role::Observe(ObserveReason::NativeSupport)));
    assert_eq!(assess(&found, true), Ok(Role::Optimise));
}
