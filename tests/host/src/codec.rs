// SPDX-License-Identifier: GPL-2.0

//! Enums as numbers.

use crate::{
    sev::assess::Native,
    sys::{
        codec::{
            coded,
            Codec, //
        },
        fault::Fault, //
    },
};

coded! {
    /// Without names.
    enum Plain {
        First,
        Second,
        Third,
    }
}

#[test]
fn values_are_numbered_in_their_order() {
    assert_eq!(Plain::ALL, [Plain::First, Plain::Second, Plain::Third]);
    for (code, value) in (0..).zip(Plain::ALL) {
        assert_eq!(value.code(), code);
        assert_eq!(Plain::from_code(code), Some(value));
        assert_eq!(value.encode(), u64::from(code));
        assert_eq!(Plain::decode(value.encode()), value);
    }
}

#[test]
fn a_number_of_no_value_is_none_or_the_first_value() {
    for number in [3, u32::MAX] {
        assert_eq!(Plain::from_code(number), None);
        assert_eq!(Plain::decode(number.into()), Plain::First);
    }
    assert_eq!(Plain::decode((1 << 32) + 1), Plain::First);
}

#[test]
fn the_module_parameter_native_has_the_same_order() {
    let names: Vec<_> = Native::ALL.iter().map(|native| native.name()).collect();
    let modes = format!("{{ \"{}\" }}", names.join("\", \""));
    let source = include_str!("../../../sys/native.c");
    assert!(source.contains(&modes), "{modes}");
}

#[test]
fn a_fault_is_a_number_and_none_is_another_one() {
    for fault in [
        None,
        Some(Fault::InvalidOpcode),
        Some(Fault::GeneralProtection),
        Some(Fault::Other(3)),
    ] {
        assert_eq!(Option::<Fault>::decode(fault.encode()), fault);
    }
}
