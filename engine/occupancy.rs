// SPDX-License-Identifier: GPL-2.0

//! What the RMP holds, region by region.

use super::{
    census::{
        self,
        Depth,
        Entries,
        Held,
        Tally, //
    },
    Engine,
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
        rmp::{
            Description,
            Reader, //
        },
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

    fn breathe(&mut self) -> Result {
        cpu::cond_resched();
        // In the kthread only once it is told to end.
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
/// meanwhile: see [`census::count`].
///
/// # Errors
///
/// ENODEV where SNP is off or goes off; EINTR where a signal is pending; EIO, EFAULT, ENOMEM where an
/// entry cannot be read.
pub(crate) fn census(reader: &mut Reader, region: Region, depth: Depth) -> Result<Tally> {
    let pages = u64::from(REGION_BLOCKS).saturating_mul(u64::from(BLOCK_PAGES));
    reader.prepare(Page::containing(region.base()), pages)?;
    census::count(reader, region, depth)
}

/// Whether a region holds an assigned page. As [`census`], but it takes 512 RMPREAD at the most.
///
/// # Errors
///
/// As [`census`].
pub(crate) fn any(reader: &mut Reader, region: Region) -> Result<bool> {
    let pages = u64::from(REGION_BLOCKS).saturating_mul(u64::from(BLOCK_PAGES));
    reader.prepare(Page::containing(region.base()), pages)?;
    census::any(reader, region)
}

/// Counts region after region and says what holds each, for the status files.
pub(crate) struct Survey {
    reader: Reader,
    rmp: Option<Description>,
}

impl Survey {
    /// Gets ready. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub(crate) fn new(engine: &Engine) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(&engine.found)?,
            // Without it the RMP's own pages count as the firmware's, which they are.
            rmp: Description::read(&engine.found).ok(),
        })
    }

    /// What a region holds, and what that keeps RMPOPT from. As [`census`].
    ///
    /// # Errors
    ///
    /// As [`census`].
    pub(crate) fn region(&mut self, region: Region, depth: Depth) -> Result<(Tally, Held)> {
        let tally = census(&mut self.reader, region, depth)?;
        let own = match &self.rmp {
            Some(rmp) => rmp.layout().own_pages(region),
            None => 0,
        };
        Ok((tally, Held::by(tally, own)))
    }

    /// How many RMPREAD it took so far.
    pub(crate) fn rmpreads(&self) -> u64 {
        self.reader.rmpreads()
    }
}
