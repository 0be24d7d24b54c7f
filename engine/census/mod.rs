// SPDX-License-Identifier: GPL-2.0

//! Counts the assigned pages of a region by reading RMP entries from the hardware.
//!
//! [`count`] is the pure part. All rooms may use this room. This room uses `sev/` and `sys/`, and no other room.

pub(crate) mod count;

use self::count::{
    AssignedPages,
    Depth,
    Entries, //
};
use crate::{
    sev::{
        addr::Region,
        entry::Entry,
        page::{
            Block,
            Page,
            BLOCK_PAGES,
            REGION_BLOCKS, //
        },
        rmp::Reader, //
    },
    sys::cpu,
};
use kernel::prelude::*;

impl Entries for Reader {
    type Error = Error;

    fn head(&mut self, block: Block) -> Result<Option<Entry>> {
        self.own(block.head())
    }

    fn rest(&mut self, block: Block, each: impl FnMut(&Entry)) -> Result {
        Reader::rest(self, block, each)
    }

    fn yield_point(&mut self) -> Result {
        cpu::cond_resched();
        // The module's kthread has a signal pending only after it was asked to end.
        if current!().signal_pending() {
            return Err(EINTR);
        }
        Ok(())
    }
}

/// Counts the assigned pages of a region, block by block, with a rescheduling point before each block. In
/// thread context; may sleep.
///
/// A region without assigned pages takes 512 RMPREAD. Each block in which single 4 KiB pages are assigned takes
/// 511 more. [`Reader::rmpreads`] counts the RMPREAD over the reader's life. Guests may start and end during
/// the census: see [`count::count`].
///
/// # Errors
///
/// ENODEV where SNP is off or goes off; EINTR where a signal is pending; EIO, EFAULT or ENOMEM where an
/// entry cannot be read.
pub(crate) fn census(reader: &mut Reader, region: Region, depth: Depth) -> Result<AssignedPages> {
    prepare(reader, region)?;
    count::count(reader, region, depth)
}

/// Whether a region holds an assigned page. The conditions of [`census`] apply. Takes at most 512 RMPREAD.
///
/// # Errors
///
/// Those of [`census`].
pub(crate) fn any(reader: &mut Reader, region: Region) -> Result<bool> {
    prepare(reader, region)?;
    count::any(reader, region)
}

/// Makes the entries of a region readable.
fn prepare(reader: &mut Reader, region: Region) -> Result {
    let pages = u64::from(REGION_BLOCKS).saturating_mul(u64::from(BLOCK_PAGES));
    reader.prepare(Page::containing(region.base()), pages)
}
