// SPDX-License-Identifier: GPL-2.0

//! The RMP entry of one page that an administrator chooses.

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

/// The page whose entry is wanted. All readers share it; the last call of [`Wanted::set`] counts.
pub(crate) struct Wanted(Atomic<u64>);

impl Wanted {
    /// The value while no page is wanted. It is no physical address.
    const NONE: u64 = u64::MAX;

    /// A value with no page wanted.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(Self::NONE))
    }

    /// Sets the wanted page.
    pub(crate) fn set(&self, page: Page) {
        self.0.store(page.base().as_u64(), Relaxed);
    }

    /// Reads the entry of the wanted page. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::new`] and [`Reader::lookup`].
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

/// The result of a lookup.
pub(crate) enum Lookup {
    /// Nobody has set a page yet.
    NotAsked,
    /// The lookup of a page.
    Entry {
        /// The wanted page.
        page: Page,
        /// The entry that applies to the page, and the page to which that entry belongs. `None` where the RMP does
        /// not cover the page.
        found: Option<(Page, Entry)>,
        /// The name of the way in which the entry was read.
        source: &'static str,
    },
}

/// Shown as `key: value` lines. A bit that the source does not report is `unknown`.
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
