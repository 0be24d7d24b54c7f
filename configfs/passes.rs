// SPDX-License-Identifier: GPL-2.0

//! Attributes of passes: the switch, requests, and when the thread starts passes without a request.

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
    /// `enabled`: the administrator's switch.
    0,
    enabled,
    set_enabled
);

/// `action`: writing `1` requests an attempt on all of RAM; reading shows the progress of the pass.
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
    /// `auto`: whether the thread starts passes without a request.
    7,
    auto,
    set_auto
);

number_attribute!(
    /// `delay_ms`: milliseconds without a conversion after which the thread attempts regions that guests gave back.
    8,
    Timing::LONGEST,
    delay_ms,
    set_delay_ms
);

number_attribute!(
    /// `max_delay_ms`: milliseconds after which the thread attempts such regions although conversions continue.
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
