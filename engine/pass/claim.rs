// SPDX-License-Identifier: GPL-2.0

//! Claims: no two cores are at one region at a time.

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    }, //
};

/// Whether a core is at a region at this moment, for each region.
///
/// Words and not bits: cores at neighbouring regions do not wait for the same cache line as often.
pub(super) struct Claims(KVVec<Atomic<u32>>);

/// A claimed region. Dropping it releases the region.
pub(super) struct Claim<'a>(&'a Atomic<u32>);

impl Claims {
    /// For so many regions, none of which is claimed. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(super) fn new(regions: usize) -> Result<Self> {
        let mut words = KVVec::with_capacity(regions, GFP_KERNEL)?;
        for _ in 0..regions {
            words.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Self(words))
    }

    /// Claims a region for the calling core. `None` while another one is at it.
    pub(super) fn claim(&self, place: usize) -> Option<Claim<'_>> {
        let word = self.0.get(place)?;
        // The guard is made only where the region was claimed: its drop would release another core's.
        match word.cmpxchg(0, 1, Acquire) {
            Ok(_) => Some(Claim(word)),
            Err(_) => None,
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
