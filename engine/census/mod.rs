// SPDX-License-Identifier: GPL-2.0

//! What the entries of the RMP say of a region, read from the hardware.
//!
//! [`count`] is the pure part. All rooms may use this one; it uses `sev/` and `sys/`, and no other room.

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
        // The module's kthread has a signal pending only once it is told to end.
        if current!().signal_pending() {
            return Err(EINTR);
        }
        Ok(())
    }
}

/// Counts the assigned pages of a region, in slices of one block with a rescheduling point between
/// them. In thread context; may sleep.
///
/// Where nothing is assigned that takes 512 RMPREAD, and 511 more for each block with a page of its
/// own assigned. [`Reader::rmpreads`] counts them over the reader's life. Guests may come and go
/// meanwhile: see [`count::count`].
///
/// # Errors
///
/// ENODEV where SNP is off or goes off; EINTR where a signal is pending; EIO, EFAULT, ENOMEM where an
/// entry cannot be read.
pub(crate) fn census(reader: &mut Reader, region: Region, depth: Depth) -> Result<AssignedPages> {
    prepare(reader, region)?;
    count::count(reader, region, depth)
}

/// Whether a region holds an assigned page. As [`census`], but it takes 512 RMPREAD at the most.
///
/// # Errors
///
/// As [`census`].
pub(crate) fn any(reader: &mut Reader, region: Region) -> Result<bool> {
    prepare(reader, region)?;
    count::any(reader, region)
}

/// Makes the entries of a region readable.
fn prepare(reader: &mut Reader, region: Region) -> Result {
    let pages = u64::from(REGION_BLOCKS).saturating_mul(u64::from(BLOCK_PAGES));
    reader.prepare(Page::containing(region.base()), pages)
}
