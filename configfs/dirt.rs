// SPDX-License-Identifier: GPL-2.0

//! The controls over passes that begin by themselves, and over a single range.

use super::{
    number,
    print,
    value,
    Controls, //
};
use crate::engine::{
    extent::{
        Extent,
        Flaw, //
    },
    settings::Settings,
    trigger::Timing, //
};
use kernel::{
    configfs,
    page::PAGE_SIZE,
    prelude::*, //
};

/// A number up to `max`.
fn limited(page: &[u8], max: u32) -> Result<u32> {
    number(page).and_then(|n| if n > max { Err(ERANGE) } else { Ok(n) })
}

/// `auto`: whether passes begin by themselves, `0` or `1`.
#[vtable]
impl configfs::AttributeOperations<7> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let auto = u8::from(controls.engine.settings.auto());
        print(page, fmt!("{auto}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let auto = match value(page) {
            b"0" => false,
            b"1" => true,
            _ => return Err(EINVAL),
        };
        controls.engine.settings.set_auto(auto);
        controls.engine.control.look();
        Ok(())
    }
}

/// `delay_ms`: how long all has to be quiet before what was given back is attempted.
#[vtable]
impl configfs::AttributeOperations<8> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let delay = controls.engine.settings.timing().delay;
        print(page, fmt!("{delay}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let delay = limited(page, Timing::LONGEST)?;
        controls.engine.settings.set_delay(delay);
        controls.engine.control.look();
        Ok(())
    }
}

/// `max_delay_ms`: after how long it is attempted even if it never is quiet.
#[vtable]
impl configfs::AttributeOperations<9> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let max_delay = controls.engine.settings.timing().max_delay;
        print(page, fmt!("{max_delay}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let max_delay = limited(page, Timing::LONGEST)?;
        controls.engine.settings.set_max_delay(max_delay);
        controls.engine.control.look();
        Ok(())
    }
}

/// `full_check_s`: seconds between two full checks, 0 for none.
#[vtable]
impl configfs::AttributeOperations<10> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let seconds = controls.engine.settings.full_check_s();
        print(page, fmt!("{seconds}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let seconds = limited(page, Settings::CHECK_MAX)?;
        controls.engine.settings.set_full_check_s(seconds);
        controls.engine.control.look();
        Ok(())
    }
}

/// `optimise`: a range goes in, and what it touches is attempted.
#[vtable]
impl configfs::AttributeOperations<11> for Controls {
    type Data = Controls;

    fn show(_: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        print(
            page,
            fmt!("Write START-END or START+SIZE, in bytes or with K, M, G, T.\n"),
        )
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let range = Extent::parse(value(page)).map_err(|flaw| match flaw {
            Flaw::Malformed => EINVAL,
            Flaw::TooFar => ERANGE,
        })?;
        controls.engine.attempt_range(range)
    }
}
