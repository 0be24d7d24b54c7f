// SPDX-License-Identifier: GPL-2.0

//! Whether a core lacks a region that passes have found free.
//!
//! Pure: a closure stands for the core's table.

use crate::engine::{
    bitmap::{
        Bits,
        Word, //
    },
    host::{
        region::{
            self,
            RamRegion, //
        },
        window::Window, //
    }, //
};

/// Whether the core lacks any of the regions in `free` that lie in its window. `has` says whether the core's table
/// has the region at this offset in the window. Every core is asked this in every pass, so regions outside the
/// window are not visited. The search begins at the place `start`, if that lies in the window.
pub(crate) fn lacks_any<W: Word>(
    free: Bits<'_, W>,
    ram: &[RamRegion],
    window: Window,
    start: usize,
    has: impl Fn(u32) -> bool,
) -> bool {
    let covered = region::places(ram, window.first, window.span);
    free.iter_in(covered, start).any(|place| {
        let offset = ram.get(place).and_then(|ram| window.offset(ram.region));
        offset.is_some_and(|offset| !has(offset))
    })
}
