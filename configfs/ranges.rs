// SPDX-License-Identifier: GPL-2.0

//! The attribute for attempts on ranges of memory.

use super::{
    value::{
        print,
        written, //
    },
    Controls, //
};
use crate::engine::range::{
    Extent,
    Flaw, //
};
use kernel::{
    configfs,
    page::PAGE_SIZE,
    prelude::*, //
};

/// `optimise`: writing a range requests an attempt on the regions that the range touches; reading shows the format.
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
        let range = Extent::parse(written(page)).map_err(|flaw| match flaw {
            Flaw::Malformed => EINVAL,
            Flaw::TooFar => ERANGE,
        })?;
        controls.engine.attempt_range(range)
    }
}
