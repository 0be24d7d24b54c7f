// SPDX-License-Identifier: GPL-2.0

//! Reads the RMP of this machine: its layout, and its entries in the way that the processor offers.

use super::{
    addr::PhysAddr,
    assess::Found,
    entry::{
        Entry,
        ENTRY_BYTES, //
    },
    geometry::{
        contiguous::Contiguous,
        segmented::{
            Segmented,
            Table,
            TABLE_ENTRIES, //
        },
        Layout, //
    },
    page::{
        Block,
        Page,
        BLOCK_PAGES, //
    },
    probe,
};
use crate::sys::{
    cpu::OnCpu,
    insn::{
        index_nospec,
        Fault, //
        __rmpread,
    },
    physmem::Mapping,
    snp, //
};
use kernel::prelude::*;

/// RMPREAD's code for success: the entry was read.
const RMPREAD_OK: u32 = 0;
/// RMPREAD's code for an address of no page that the RMP covers.
const RMPREAD_INPUT: u32 = 1;

/// Words of 8 bytes in an entry.
const ENTRY_WORDS: usize = (ENTRY_BYTES / 8) as usize;

/// The way in which entries can be read on this host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// By the instruction RMPREAD.
    Rmpread,
    /// From the table in memory, in the form of Zen 3 and Zen 4.
    Raw(Contiguous),
    /// Not at all: the processor has no RMPREAD, and the form of its entries in memory is not known.
    Nothing,
}

impl Source {
    /// The way that this processor offers.
    pub(crate) fn of(found: &Found) -> Self {
        if found.features.rmpread {
            Self::Rmpread
        } else if found.features.segmented.is_none() {
            Self::Raw(Contiguous::new(found.rmp))
        } else {
            Self::Nothing
        }
    }

    /// The name for status files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rmpread => "rmpread",
            Self::Raw(_) => "raw",
            Self::Nothing => "none",
        }
    }
}

/// A mapped part of the raw table: `entries` entries, beginning with that of the page number `first`.
struct Window {
    mapping: Mapping,
    first: u64,
    entries: u64,
}

impl Window {
    /// The place of a page's entry in the mapped part. `None` where the entry is not mapped.
    fn offset(&self, page: Page) -> Option<u64> {
        let offset = page.frame().checked_sub(self.first)?;
        (offset < self.entries).then(|| index_nospec(offset, self.entries))
    }
}

/// Reads entries for one caller. A reader is not bound to a CPU.
///
/// Entries may change at any time: an entry that a reader returns was right at some moment during the call.
pub(crate) struct Reader {
    source: Source,
    window: Option<Window>,
    words: KVec<u64>,
    rmpreads: u64,
}

impl Reader {
    /// Prepares to read entries. May sleep.
    ///
    /// # Errors
    ///
    /// ENODEV while SNP is off or being initialised, and where there is no way to read entries; ENOMEM.
    pub(crate) fn new(found: &Found) -> Result<Self> {
        let source = Source::of(found);
        let snp = OnCpu::any(probe::syscfg).is_ok_and(|syscfg| syscfg.snp_enabled());
        // The module opens the gate only where the processor has RMPOPT.
        let snp = snp && (snp::is_open() || !found.features.rmpopt);
        let words = match source {
            Source::Raw(_) => BLOCK_PAGES as usize * ENTRY_WORDS,
            Source::Rmpread => 0,
            Source::Nothing => return Err(ENODEV),
        };
        if !snp {
            return Err(ENODEV);
        }
        Ok(Self {
            source,
            window: None,
            words: KVec::from_elem(0, words, GFP_KERNEL)?,
            rmpreads: 0,
        })
    }

    /// The way in which this reader reads entries.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// The number of RMPREAD that this reader has executed.
    pub(crate) fn rmpreads(&self) -> u64 {
        self.rmpreads
    }

    /// Makes the entries of `pages` pages from `first` on readable: maps them where they are read from memory.
    /// May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::new`].
    pub(crate) fn prepare(&mut self, first: Page, pages: u64) -> Result {
        let Source::Raw(rmp) = self.source else {
            return Ok(());
        };
        self.window = None;
        let Some(place) = rmp.place(first, index_nospec) else {
            return Ok(());
        };
        let entries = pages.min(rmp.count().saturating_sub(first.frame()));
        let words = usize::try_from(entries).map_err(|_| EOVERFLOW)?;
        let words = words.checked_mul(ENTRY_WORDS).ok_or(EOVERFLOW)?;
        self.window = Some(Window {
            mapping: Mapping::new(place, words)?,
            first: first.frame(),
            entries,
        });
        Ok(())
    }

    /// The entry of the page itself. `None` where the RMP does not cover the page, and where the entry is read
    /// from memory and [`Reader::prepare`] has not mapped it. May sleep.
    ///
    /// # Errors
    ///
    /// ENODEV where SNP has gone off; EIO where RMPREAD fails in another way; EFAULT where the table in memory
    /// cannot be read.
    pub(crate) fn own(&mut self, page: Page) -> Result<Option<Entry>> {
        match self.source {
            Source::Rmpread => self.rmpread(page),
            Source::Raw(_) => {
                let Some((window, offset)) = self.place(page)? else {
                    return Ok(None);
                };
                let mut word = [0];
                window
                    .mapping
                    .read(offset.saturating_mul(ENTRY_WORDS), &mut word)?;
                let [low] = word;
                Ok(Some(Entry::from_raw(low)))
            }
            Source::Nothing => Err(ENODEV),
        }
    }

    /// Calls `each` with the entry of every page of a block except the first, as far as the RMP covers the pages.
    /// Raw entries that are 0 are left out. The conditions of [`Reader::own`] apply.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::own`].
    pub(crate) fn rest(&mut self, block: Block, mut each: impl FnMut(&Entry)) -> Result {
        if matches!(self.source, Source::Rmpread) {
            for page in block.rest() {
                if let Some(entry) = self.rmpread(page)? {
                    each(&entry);
                }
            }
            return Ok(());
        }
        // The raw entries of the whole block are copied at once.
        let mut words = core::mem::take(&mut self.words);
        let result = self.copy(block, &mut words);
        if let Ok(copied) = result {
            let entries = words.get(..copied).unwrap_or(&[]).chunks_exact(ENTRY_WORDS);
            let lows = entries.skip(1).filter_map(|words| words.first());
            // Almost all entries are 0, and an entry that is 0 is not assigned.
            for low in lows.filter(|low| **low != 0) {
                each(&Entry::from_raw(*low));
            }
        }
        self.words = words;
        result.map(|_| ())
    }

    /// Copies a block's raw entries to `words`; returns the number of copied words.
    fn copy(&self, block: Block, words: &mut [u64]) -> Result<usize> {
        let Some((window, offset)) = self.place(block.head())? else {
            return Ok(0);
        };
        let first = offset.saturating_mul(ENTRY_WORDS);
        let left = usize::try_from(window.entries).map_err(|_| EOVERFLOW)?;
        let left = left.saturating_mul(ENTRY_WORDS).saturating_sub(first);
        let words = match words.get_mut(..left) {
            Some(words) => words,
            None => words,
        };
        window.mapping.read(first, words)?;
        Ok(words.len())
    }

    /// The mapped part that holds the page's entry, and the entry's place in it. `None` where the entry is not
    /// mapped.
    fn place(&self, page: Page) -> Result<Option<(&Window, usize)>> {
        let Some(window) = self.window.as_ref() else {
            return Ok(None);
        };
        let Some(offset) = window.offset(page) else {
            return Ok(None);
        };
        let offset = usize::try_from(offset).map_err(|_| EOVERFLOW)?;
        Ok(Some((window, offset)))
    }

    fn rmpread(&mut self, page: Page) -> Result<Option<Entry>> {
        self.rmpreads = self.rmpreads.saturating_add(1);
        match __rmpread(page.base().as_u64()) {
            Ok((RMPREAD_OK, bytes)) => Ok(Some(Entry::from_rmpread(bytes))),
            Ok((RMPREAD_INPUT, _)) => Ok(None),
            Ok(_) => Err(EIO),
            Err(Fault::InvalidOpcode) => Err(ENODEV),
            Err(Fault::GeneralProtection | Fault::Other(_) | Fault::Initialising) => Err(EIO),
        }
    }

    /// The entry that applies to a page, and the page to which that entry belongs: the page itself, or the
    /// first page of its block. `None` where the RMP does not cover the page. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::own`] and [`Reader::prepare`].
    pub(crate) fn lookup(&mut self, page: Page) -> Result<Option<(Page, Entry)>> {
        let head = page.block().head();
        self.prepare(head, u64::from(BLOCK_PAGES))?;
        if let Some(entry) = self.own(head)?.filter(Entry::stands_for_block) {
            return Ok(Some((head, entry)));
        }
        let own = self.own(page)?;
        // Somebody may have merged the block's pages into one 2 MiB page between the two reads.
        match self.own(head)?.filter(Entry::stands_for_block) {
            Some(entry) => Ok(Some((head, entry))),
            None => Ok(own.map(|entry| (page, entry))),
        }
    }
}

/// Whether the RMP's first page is assigned, as it is from SNP_INIT on. Also true without RMPREAD, and where the RMP
/// does not cover its own first page. False where RMPREAD fails. May sleep.
pub(crate) fn guards_itself(found: &Found) -> bool {
    let Some(first) = PhysAddr::new(found.rmp.base_addr()) else {
        return true;
    };
    if !found.features.rmpread {
        return true;
    }
    let mut reader = Reader {
        source: Source::Rmpread,
        window: None,
        words: KVec::new(),
        rmpreads: 0,
    };
    match reader.lookup(Page::containing(first)) {
        Ok(Some((_, entry))) => entry.assigned,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// The values that describe the layout of the RMP: registers, limits and the segment table.
pub(crate) struct Description {
    found: Found,
    /// The segment table; empty in a contiguous RMP.
    table: KVec<u64>,
}

impl Description {
    /// Reads the segment table, if there is one. May sleep.
    ///
    /// # Errors
    ///
    /// EINVAL, ENXIO or EFAULT where RMP_BASE holds no address of readable memory; ENOMEM.
    pub(crate) fn read(found: &Found) -> Result<Self> {
        let mut table = KVec::new();
        if found.rmp.segmented() {
            let span = Segmented::table_span(&found.rmp);
            table = KVec::from_elem(0, TABLE_ENTRIES, GFP_KERNEL)?;
            Mapping::new(span.start, TABLE_ENTRIES)?.read(0, &mut table)?;
        }
        Ok(Self {
            found: *found,
            table,
        })
    }

    /// The layout.
    pub(crate) fn layout(&self) -> Layout<'_> {
        let table: Option<&Table> = self.table.as_slice().try_into().ok();
        match (table, self.found.features.segmented) {
            (Some(table), Some(limits)) => {
                Layout::Segmented(Segmented::new(self.found.rmp, limits, table))
            }
            _ => Layout::Contiguous(Contiguous::new(self.found.rmp)),
        }
    }
}
