// SPDX-License-Identifier: GPL-2.0

//! The bitmaps and claims of a survey's regions, in which passes store what they find out.

use super::{
    claim::{
        Claim,
        Claims, //
    },
    sets::Sets, //
};
use crate::engine::{
    atomic_bits,
    bitmap::Bits, //
};
use kernel::{
    prelude::*,
    sync::atomic::Atomic, //
};

/// The bitmaps over the regions of a survey, by place in its list of RAM. All methods may be called from any CPU at
/// any time.
pub(crate) struct RegionSets {
    open: KVVec<Atomic<u64>>,
    free: KVVec<Atomic<u64>>,
    held: KVVec<Atomic<u64>>,
    raced: KVVec<Atomic<u64>>,
    missing: KVVec<Atomic<u64>>,
    dirty: KVVec<Atomic<u64>>,
    claims: Claims,
}

impl RegionSets {
    /// Empty sets over `regions` regions. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(super) fn new(regions: usize) -> Result<Self> {
        Ok(Self {
            open: atomic_bits::cleared(regions)?,
            free: atomic_bits::cleared(regions)?,
            held: atomic_bits::cleared(regions)?,
            raced: atomic_bits::cleared(regions)?,
            missing: atomic_bits::cleared(regions)?,
            dirty: atomic_bits::cleared(regions)?,
            claims: Claims::new(regions)?,
        })
    }

    /// The sets that a pass uses.
    pub(crate) fn of_pass(&self) -> Sets<'_, Atomic<u64>> {
        Sets {
            open: self.open(),
            free: self.free(),
            held: self.held(),
            raced: self.raced(),
        }
    }

    /// Regions that no leader has verified.
    pub(crate) fn open(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.open)
    }

    /// Regions that were found free.
    pub(crate) fn free(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.free)
    }

    /// Regions that were found to hold assigned pages.
    pub(crate) fn held(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.held)
    }

    /// Regions that a follower of the last pass found held after a leader had found them free.
    pub(crate) fn raced(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.raced)
    }

    /// Regions that a core was known to have, and lacked in the last check.
    pub(crate) fn missing(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.missing)
    }

    /// Regions that the next pass attempts even where they count as free or held. Anybody may mark a region at any
    /// time.
    pub(crate) fn dirty(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.dirty)
    }

    /// Claims a region for the calling core. `None` while another core has claimed it.
    pub(super) fn claim(&self, place: usize) -> Option<Claim<'_>> {
        self.claims.claim(place)
    }

    /// Makes the region open, so that a leader verifies it again.
    pub(crate) fn reopen(&self, place: usize) {
        self.free().clear(place);
        self.held().clear(place);
        self.open().set(place);
    }

    /// Makes the region free.
    pub(crate) fn set_free(&self, place: usize) {
        self.open().clear(place);
        self.held().clear(place);
        self.free().set(place);
    }

    /// Makes the region held.
    pub(crate) fn set_held(&self, place: usize) {
        self.open().clear(place);
        self.free().clear(place);
        self.held().set(place);
    }
}
