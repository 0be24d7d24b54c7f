// SPDX-License-Identifier: GPL-2.0

//! What is known of the regions of a survey: the bitmaps and claims of its passes.

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

/// The bitmaps over the regions of a survey, by place in its list of RAM. All of it may be used from any CPU
/// at any time.
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
    /// Sets over so many regions, all of them empty. May sleep.
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

    /// The sets through which regions go in a pass.
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

    /// Regions that a core lacked in the last check although it should have them.
    pub(crate) fn missing(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.missing)
    }

    /// Regions that the next pass attempts, whatever else is known of them. Anybody may mark one at any
    /// time.
    pub(crate) fn dirty(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.dirty)
    }

    /// Claims a region for the calling core. `None` while another one is at it.
    pub(super) fn claim(&self, place: usize) -> Option<Claim<'_>> {
        self.claims.claim(place)
    }

    /// The region is to be verified again.
    pub(crate) fn reopen(&self, place: usize) {
        self.free().clear(place);
        self.held().clear(place);
        self.open().set(place);
    }

    /// The region counts as free.
    pub(crate) fn set_free(&self, place: usize) {
        self.open().clear(place);
        self.held().clear(place);
        self.free().set(place);
    }

    /// The region counts as held.
    pub(crate) fn set_held(&self, place: usize) {
        self.open().clear(place);
        self.free().clear(place);
        self.held().set(place);
    }
}
