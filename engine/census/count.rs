// SPDX-License-Identifier: GPL-2.0

//! Counts the assigned pages of a region.
//!
//! The entry of the first page of each 2 MiB block says almost everything: whether it describes the whole
//! block and, where the processor reports that, whether any other page of the block is assigned. The other 511
//! entries are read only where another page is assigned or where the processor does not report it.

use crate::sev::{
    addr::Region,
    entry::{
        Entry,
        Owner, //
    },
    page::{
        Block,
        BLOCK_PAGES, //
    }, //
};
use core::fmt;

/// The source of entries: the hardware in the module, a table in tests.
pub(crate) trait Entries {
    /// The reason why an entry cannot be read, or why the census must end.
    type Error;

    /// The entry of a block's first page. `None` where the RMP does not cover the block.
    ///
    /// # Errors
    ///
    /// The reason why the entry cannot be read.
    fn head(&mut self, block: Block) -> Result<Option<Entry>, Self::Error>;

    /// Calls `each` with the entries of all other pages of the block that the RMP covers.
    ///
    /// # Errors
    ///
    /// The reason why one of the entries cannot be read.
    fn rest(&mut self, block: Block, each: impl FnMut(&Entry)) -> Result<(), Self::Error>;

    /// Lets other tasks run. The census calls this before each block.
    ///
    /// # Errors
    ///
    /// The reason why the census must end.
    fn yield_point(&mut self) -> Result<(), Self::Error>;
}

/// Numbers of assigned pages of 4 KiB; an assigned 2 MiB page counts as 512.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignedPages {
    /// Pages assigned to guests.
    pub(crate) guest: u32,
    /// Pages assigned to the firmware, including the pages of the RMP itself.
    pub(crate) firmware: u32,
}

impl AssignedPages {
    /// Whether no page is assigned.
    pub(crate) fn is_free(&self) -> bool {
        self.guest == 0 && self.firmware == 0
    }

    fn add(&mut self, entry: &Entry, pages: u32) {
        let count = match entry.owner() {
            Owner::Hypervisor => return,
            Owner::Guest(_) => &mut self.guest,
            Owner::Firmware => &mut self.firmware,
        };
        *count = count.saturating_add(pages);
    }
}

/// What keeps a region from being optimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Pages of guests hold the region.
    pub(crate) guest: bool,
    /// Pages of the firmware other than those of the RMP itself hold the region.
    pub(crate) firmware: bool,
    /// Pages of the RMP itself hold the region.
    pub(crate) rmp: bool,
}

impl Held {
    /// The reasons for a region with these assigned pages, in which the RMP itself occupies `own` pages.
    pub(crate) fn by(pages: AssignedPages, own: u32) -> Self {
        Self {
            guest: pages.guest > 0,
            firmware: pages.firmware > own,
            rmp: own > 0,
        }
    }

    /// Whether nothing holds the region, so that RMPOPT could optimise it.
    pub(crate) fn nothing(self) -> bool {
        self == Self::default()
    }
}

/// The reasons as a list: `guest,rmp`, or `none`.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nothing() {
            return f.write_str("none");
        }
        let mut separator = "";
        for (holds, name) in [
            (self.guest, "guest"),
            (self.firmware, "firmware"),
            (self.rmp, "rmp"),
        ] {
            if holds {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// How much of a region a census reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The whole region.
    All,
    /// The region up to the first block with an assigned page. This answers whether any page is assigned.
    First,
}

/// Counts the assigned pages of a region.
///
/// The count may or may not include pages that are converted during the census: the result is a hint unless the
/// caller prevents conversions.
///
/// # Errors
///
/// The first error of `entries`.
pub(crate) fn count<E: Entries>(
    entries: &mut E,
    region: Region,
    depth: Depth,
) -> Result<AssignedPages, E::Error> {
    let mut pages = AssignedPages::default();
    for block in Block::all_of(region) {
        entries.yield_point()?;
        count_block(entries, block, &mut pages)?;
        if depth == Depth::First && !pages.is_free() {
            break;
        }
    }
    Ok(pages)
}

/// Whether any page of a region is assigned. The entries of a block are read page by page only where the
/// entry of its first page does not say whether other pages of the block are assigned.
///
/// # Errors
///
/// The first error of `entries`.
pub(crate) fn any<E: Entries>(entries: &mut E, region: Region) -> Result<bool, E::Error> {
    for block in Block::all_of(region) {
        entries.yield_point()?;
        let Some(head) = entries.head(block)? else {
            continue;
        };
        let found = match head.others {
            _ if head.assigned => true,
            Some(others) => others,
            None => {
                let mut pages = AssignedPages::default();
                entries.rest(block, |entry| pages.add(entry, 1))?;
                !pages.is_free()
            }
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn count_block<E: Entries>(
    entries: &mut E,
    block: Block,
    pages: &mut AssignedPages,
) -> Result<(), E::Error> {
    let Some(head) = entries.head(block)? else {
        return Ok(());
    };
    if head.stands_for_block() {
        pages.add(&head, BLOCK_PAGES);
        return Ok(());
    }
    pages.add(&head, 1);
    if head.others != Some(false) {
        entries.rest(block, |entry| pages.add(entry, 1))?;
    }
    Ok(())
}
