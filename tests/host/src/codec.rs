// SPDX-License-Identifier: GPL-2.0

//! Enums as numbers.

use crate::{
    sev::assess::Native,
    sys::codec::coded, //
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
    }
}

#[test]
fn a_number_of_no_value_is_none() {
    assert_eq!(Plain::from_code(3), None);
    assert_eq!(Plain::from_code(u32::MAX), None);
}

#[test]
fn the_module_parameter_native_has_the_same_order() {
    let names: Vec<_> = Native::ALL.iter().map(|native| native.name()).collect();
    let modes = format!("{{ \"{}\" }}", names.join("\", \""));
    let source = include_str!("../../../sys/native.c");
    assert!(source.contains(&modes), "{modes}");
}
