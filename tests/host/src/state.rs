// SPDX-License-Identifier: GPL-2.0

use crate::{
    engine::host::{
        state::{
            window_of,
            Asked,
            CoreState,
            Owner, //
        },
        window::Window, //
    },
    sev::{
        addr::Region,
        fault::Fault,
        msr::RmpoptBase, //
    },
    sys::codec::Codec, //
};

fn region(gib: u32) -> Region {
    Region::new(gib).unwrap()
}

fn on(gib: u32) -> RmpoptBase {
    RmpoptBase::on(region(gib))
}

#[test]
fn a_state_follows_from_what_was_asked_what_is_read_and_whose_it_is() {
    let asked = [Asked::Nothing, Asked::Off, Asked::On(region(4))];
    // Whether EN is read, and with which base; then the state for each of `asked`.
    for (owner, read, states) in [
        (
            Owner::Module,
            RmpoptBase::OFF,
            [CoreState::Off, CoreState::Off, CoreState::Cleared],
        ),
        (
            Owner::Module,
            RmpoptBase(4 << 30),
            [CoreState::Off, CoreState::Off, CoreState::Cleared],
        ),
        (
            Owner::Module,
            on(4),
            [CoreState::Kept, CoreState::Kept, CoreState::On],
        ),
        (
            Owner::Module,
            on(5),
            [CoreState::Kept, CoreState::Kept, CoreState::OtherWindow],
        ),
        (
            Owner::Kernel,
            RmpoptBase::OFF,
            [CoreState::Off, CoreState::Off, CoreState::Cleared],
        ),
        (
            Owner::Kernel,
            on(4),
            [CoreState::Native, CoreState::Native, CoreState::On],
        ),
        (
            Owner::Kernel,
            on(5),
            [CoreState::Native, CoreState::Native, CoreState::OtherWindow],
        ),
    ] {
        for (asked, state) in asked.into_iter().zip(states) {
            assert_eq!(
                CoreState::of(asked, read, owner),
                state,
                "{asked:?} {read:?} {owner:?}"
            );
        }
    }
}

#[test]
fn what_was_asked_survives_as_a_number() {
    for asked in [
        Asked::Nothing,
        Asked::Off,
        Asked::On(region(0)),
        Asked::On(region(Region::LIMIT - 1)),
    ] {
        assert_eq!(Asked::decode(asked.encode()), asked);
    }
    assert_eq!(Asked::decode(Region::LIMIT.into()), Asked::Nothing);
}

#[test]
fn each_state_has_a_name_of_its_own() {
    let all = [
        CoreState::Off,
        CoreState::On,
        CoreState::Kept,
        CoreState::OtherWindow,
        CoreState::Native,
        CoreState::Cleared,
        CoreState::TakenOut(Fault::InvalidOpcode),
    ];
    let mut names: Vec<_> = all.iter().map(|state| state.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}

#[test]
fn who_works_is_switched_off_later_unless_it_is_the_kernels() {
    let fault = CoreState::TakenOut(Fault::GeneralProtection);
    for (state, works, to_switch_off) in [
        (CoreState::Off, false, false),
        (CoreState::On, true, true),
        (CoreState::Kept, false, true),
        (CoreState::OtherWindow, true, true),
        (CoreState::Native, true, false),
        (CoreState::Cleared, false, true),
        (fault, false, true),
    ] {
        assert_eq!(state.works(), works, "{state:?}");
        assert_eq!(state.to_switch_off(), to_switch_off, "{state:?}");
    }
}

#[test]
fn the_window_is_the_one_that_the_core_has_where_it_cannot_move() {
    const SPAN: u32 = 8;
    let window = |gib| {
        Some(Window {
            first: region(gib),
            span: SPAN,
        })
    };
    let wanted = window(4);
    let module = |read, refused: Option<u32>| {
        window_of(wanted, read, refused.map(region), Owner::Module, SPAN)
    };
    // Nobody has looked, or it is off: it gets what it shall have.
    assert_eq!(module(None, None), wanted);
    assert_eq!(module(Some(RmpoptBase::OFF), None), wanted);
    assert_eq!(module(Some(RmpoptBase::OFF), Some(4)), wanted);
    // It moves before its next RMPOPT, unless that was refused.
    assert_eq!(module(Some(on(5)), None), wanted);
    assert_eq!(module(Some(on(5)), Some(4)), window(5));
    // Another window was refused, which says nothing about this one.
    assert_eq!(module(Some(on(5)), Some(6)), wanted);
    assert_eq!(
        window_of(None, Some(on(5)), None, Owner::Module, SPAN),
        None
    );

    let kernel = |read| window_of(wanted, read, None, Owner::Kernel, SPAN);
    assert_eq!(kernel(None), wanted);
    assert_eq!(kernel(Some(on(5))), window(5));
    assert_eq!(kernel(Some(RmpoptBase::OFF)), None);
}
