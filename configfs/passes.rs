// SPDX-License-Identifier: GPL-2.0

//! Passes: whether there are any, and when they begin by themselves.

use super::{
    value::{
        print,
        written, //
    },
    Controls, //
};
use crate::engine::{
    dirty::trigger::Timing,
    settings::Settings, //
};
use kernel::{
    configfs,
    page::PAGE_SIZE,
    prelude::*, //
};

boolean_attribute!(
    /// `enabled`: the switch.
    0,
    enabled,
    set_enabled
);

/// `action`: `1` attempts all of RAM; reading tells how far the pass is.
#[vtable]
impl configfs::AttributeOperations<1> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        match controls.engine.progress() {
            Some(progress) => print(page, fmt!("{progress}\n")),
            None => print(page, fmt!("idle\n")),
        }
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        match written(page) {
            b"1" => controls.engine.attempt_all(),
            _ => Err(EINVAL),
        }
    }
}

/// `description`: what `action` does.
#[vtable]
impl configfs::AttributeOperations<2> for Controls {
    type Data = Controls;

    fn show(_: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        print(
            page,
            fmt!("Write 1 to action to attempt RMP optimizations on all of RAM.\n"),
        )
    }
}

boolean_attribute!(
    /// `auto`: whether passes begin by themselves.
    7,
    auto,
    set_auto
);

number_attribute!(
    /// `delay_ms`: how long all has to be quiet before what was given back is attempted.
    8,
    Timing::LONGEST,
    delay_ms,
    set_delay_ms
);

number_attribute!(
    /// `max_delay_ms`: after how long it is attempted even if it never is quiet.
    9,
    Timing::LONGEST,
    max_delay_ms,
    set_max_delay_ms
);

number_attribute!(
    /// `full_check_s`: seconds between two full checks, 0 for none.
    10,
    Settings::CHECK_MAX,
    full_check_s,
    set_full_check_s
);
