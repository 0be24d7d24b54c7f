// SPDX-License-Identifier: GPL-2.0

//! Counts the assigned pages of a region.
//!
//! One entry for each 2 MiB says almost everything: whether it stands for the whole block, and, if
//! the processor tells, whether any other page of the block is assigned. Only where one is, or where
//! nobody tells, the other 511 entries are read.

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

/// Where entries come from: the hardware, or a table in tests.
pub(crate) trait Entries {
    /// Why an entry cannot be read, or why the census shall end.
    type Error;

    /// The entry of a block's first page. `None` where the RMP does not cover the block.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn head(&mut self, block: Block) -> Result<Option<Entry>, Self::Error>;

    /// Calls `each` with the entries of all other pages of the block that the RMP covers.
    ///
    /// # Errors
    ///
    /// Why one of them cannot be read.
    fn rest(&mut self, block: Block, each: impl FnMut(&Entry)) -> Result<(), Self::Error>;

    /// Called between any two blocks: lets other tasks run.
    ///
    /// # Errors
    ///
    /// Why the census shall end.
    fn yield_point(&mut self) -> Result<(), Self::Error>;
}

/// Assigned pages of 4 KiB; a 2 MiB entry stands for 512.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignedPages {
    /// Those of guests.
    pub(crate) guest: u32,
    /// Those of the firmware, the RMP's own among them.
    pub(crate) firmware: u32,
}

impl AssignedPages {
    /// Nothing is assigned.
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
    /// Pages of guests.
    pub(crate) guest: bool,
    /// Pages of the firmware, other than the RMP's own.
    pub(crate) firmware: bool,
    /// The RMP itself.
    pub(crate) rmp: bool,
}

impl Held {
    /// The reasons for a region with this pages, in which the RMP itself occupies `own` pages.
    pub(crate) fn by(pages: AssignedPages, own: u32) -> Self {
        Self {
            guest: pages.guest > 0,
            firmware: pages.firmware > own,
            rmp: own > 0,
        }
    }

    /// Nothing holds it: RMPOPT could optimise it.
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

/// How much of a region is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of it.
    All,
    /// Up to the first block with an assigned page, which tells whether there is any.
    First,
}

/// Counts a region.
///
/// Pages that are converted meanwhile may or may not be counted: the result is a hint unless the
/// caller keeps them from changing.
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

/// Whether any page of a region is assigned. Page by page is only read where an entry does not tell of the
/// others in its block.
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
