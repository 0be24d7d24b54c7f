// SPDX-License-Identifier: GPL-2.0

//! `rmp/entry`: the RMP entry of the page whose address was written to configfs `rmp_entry`.
//!
//! Lockdown forbids writing in debugfs, therefore the address is written to configfs. Reading `rmp_entry` shows the
//! same text; this file shows it beside the rest of the status.

use crate::{
    engine::Engine,
    sys::debugfs::Text, //
};
use core::fmt::Write;
use kernel::prelude::*;

/// Writes `key: value` lines.
pub(crate) fn show(engine: &Engine, _: u32, out: &mut Text) -> Result {
    out.write_fmt(fmt!("{}", engine.lookup()?))
        .map_err(|_| ENOMEM)
}
