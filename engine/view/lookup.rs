// SPDX-License-Identifier: GPL-2.0

//! The entry of one page, for those who look into the RMP by hand.

use crate::sev::{
    addr::PhysAddr,
    assess::Found,
    entry::Entry,
    page::Page,
    rmp::Reader, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The page whose entry is wanted. Whoever asked last has it.
pub(crate) struct Wanted(Atomic<u64>);

impl Wanted {
    /// No physical address is this.
    const NONE: u64 = u64::MAX;

    /// No page is wanted.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(Self::NONE))
    }

    /// Wants a page.
    pub(crate) fn set(&self, page: Page) {
        self.0.store(page.base().as_u64(), Relaxed);
    }

    /// Reads the entry that is wanted. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`] and [`Reader::lookup`].
    pub(crate) fn look_up(&self, found: &Found) -> Result<Lookup> {
        let Some(page) = PhysAddr::new(self.0.load(Relaxed)).map(Page::containing) else {
            return Ok(Lookup::NotAsked);
        };
        let mut reader = Reader::new(found)?;
        Ok(Lookup::Entry {
            page,
            found: reader.lookup(page)?,
            source: reader.source().name(),
        })
    }
}

/// What there is to say about the page that is wanted.
pub(crate) enum Lookup {
    /// Nobody has asked yet.
    NotAsked,
    /// An entry, or none where the RMP does not cover the page.
    Entry {
        /// The page.
        page: Page,
        /// The entry that decides, and the page to which it belongs.
        found: Option<(Page, Entry)>,
        /// How it was read.
        source: &'static str,
    },
}

/// As `key: value` lines. What the source does not tell is `unknown`.
impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Entry {
            page,
            found,
            source,
        } = self
        else {
            return writeln!(f, "address: none");
        };
        let (of, entry) = found.unwrap_or((*page, Entry::UNCOVERED));
        writeln!(f, "address: {:#x}", page.base().as_u64())?;
        writeln!(f, "covered: {}", u8::from(found.is_some()))?;
        writeln!(f, "entry_of: {:#x}", of.base().as_u64())?;
        writeln!(f, "owner: {}", entry.owner())?;
        writeln!(f, "assigned: {}", u8::from(entry.assigned))?;
        writeln!(f, "size: {}", entry.size)?;
        writeln!(f, "immutable: {}", u8::from(entry.immutable))?;
        writeln!(f, "asid: {}", entry.asid)?;
        writeln!(f, "gpa: {:#x}", entry.gpa)?;
        for (key, bit) in [("vmsa", entry.vmsa), ("validated", entry.validated)] {
            match bit {
                Some(bit) => writeln!(f, "{key}: {}", u8::from(bit))?,
                None => writeln!(f, "{key}: unknown")?,
            }
        }
        writeln!(f, "source: {source}")
    }
}
