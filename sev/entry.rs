// SPDX-License-Identifier: GPL-2.0

//! An RMP entry, from either of the two forms in which it can be read.
//!
//! Source: AMD64 Architecture Programmer's Manual, volume 3, RMPREAD; the raw form from the Processor
//! Programming Reference of family 19h, that is Zen 3 and Zen 4. Later processors may use another form in
//! memory: there the module reads entries by RMPREAD only.

use core::fmt;

/// Bytes of an entry, in both forms.
pub(crate) const ENTRY_BYTES: u64 = 16;

/// The size of the memory that an entry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// One page of 4 KiB.
    Page,
    /// The 2 MiB block that begins at the entry's page.
    Block,
}

impl Size {
    /// The size for a value of the page size bit.
    const fn of(block: bool) -> Self {
        if block {
            Self::Block
        } else {
            Self::Page
        }
    }
}

/// The owner of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The host: the page is not assigned.
    Hypervisor,
    /// The guest with this ASID.
    Guest(u32),
    /// The firmware. Pages that the firmware has not given back completely count as its own.
    Firmware,
}

/// One RMP entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The page belongs to a guest or to the firmware.
    pub(crate) assigned: bool,
    /// The size of the memory that the entry describes.
    pub(crate) size: Size,
    /// RMPUPDATE cannot change the entry.
    pub(crate) immutable: bool,
    /// The guest physical address of the page.
    pub(crate) gpa: u64,
    /// The ASID of the guest, 0 for no guest.
    pub(crate) asid: u32,
    /// The page holds the register state of a virtual CPU. RMPREAD does not report this.
    pub(crate) vmsa: Option<bool>,
    /// The guest has validated the page. RMPREAD does not report this.
    pub(crate) validated: Option<bool>,
    /// Another page of the same block has an assigned entry of its own. Only RMPREAD reports this, and
    /// only for the first page of a block.
    pub(crate) others: Option<bool>,
}

impl Entry {
    /// The entry to show for memory that the RMP does not cover. Such memory always belongs to the hypervisor.
    pub(crate) const UNCOVERED: Self = Self {
        assigned: false,
        size: Size::Page,
        immutable: false,
        gpa: 0,
        asid: 0,
        vmsa: None,
        validated: None,
        others: None,
    };

    /// Decodes the 16 bytes that RMPREAD writes.
    pub(crate) const fn from_rmpread(bytes: [u8; 16]) -> Self {
        let [g0, g1, g2, g3, g4, g5, g6, g7, assigned, size, immutable, _, a0, a1, a2, a3] = bytes;
        Self {
            assigned: assigned & 1 != 0,
            size: Size::of(size & 1 != 0),
            immutable: immutable & 1 != 0,
            gpa: u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]),
            asid: u32::from_le_bytes([a0, a1, a2, a3]),
            vmsa: None,
            validated: None,
            others: Some(size & 2 != 0),
        }
    }

    /// Decodes the low word of an entry in memory. The high word has no meaning.
    pub(crate) const fn from_raw(low: u64) -> Self {
        Self {
            assigned: low & 1 != 0,
            size: Size::of(low & 2 != 0),
            immutable: low & 4 != 0,
            gpa: low & (((1 << 39) - 1) << 12),
            asid: ((low >> 51) & 0x3ff) as u32,
            vmsa: Some(low & (1 << 61) != 0),
            validated: Some(low & (1 << 62) != 0),
            others: None,
        }
    }

    /// Whether this entry, read for the first page of a block, applies to all pages of the block.
    pub(crate) const fn stands_for_block(&self) -> bool {
        self.assigned && matches!(self.size, Size::Block)
    }

    /// The owner of the page.
    pub(crate) const fn owner(&self) -> Owner {
        match (self.assigned, self.asid) {
            (false, _) => Owner::Hypervisor,
            (true, 0) => Owner::Firmware,
            (true, asid) => Owner::Guest(asid),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "4k",
            Self::Block => "2m",
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hypervisor => "hypervisor",
            Self::Guest(_) => "guest",
            Self::Firmware => "firmware",
        })
    }
}
