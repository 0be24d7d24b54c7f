// SPDX-License-Identifier: GPL-2.0

//! `native`: what is done beside a kernel that has RMPOPT of its own.

use super::{
    choose,
    print,
    Choice,
    Controls, //
};
use crate::sev::assess::Native;
use kernel::{
    configfs,
    page::PAGE_SIZE,
    prelude::*, //
};

#[vtable]
impl configfs::AttributeOperations<12> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let choice = Choice {
            all: &Native::ALL,
            present: controls.engine.settings.native(),
            name: Native::name,
        };
        print(page, fmt!("{choice}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let native = choose(&Native::ALL, Native::name, page)?;
        controls.engine.set_native(native)
    }
}
