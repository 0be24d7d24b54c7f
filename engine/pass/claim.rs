// SPDX-License-Identifier: GPL-2.0

//! Claims on regions. A core claims a region before it attempts it, so that no two cores attempt one region at a
//! time.

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    }, //
};

/// For each region, whether a core has claimed it at this moment.
///
/// Each region has a word and not a bit, so that cores at neighbouring regions contend less often for one cache
/// line.
pub(super) struct Claims(KVVec<Atomic<u32>>);

/// A claimed region. Dropping it releases the region.
pub(super) struct Claim<'a>(&'a Atomic<u32>);

impl Claims {
    /// Claims on `regions` regions, none of which is claimed. May sleep.
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

    /// Claims a region for the calling core. `None` while another core has claimed it.
    pub(super) fn claim(&self, place: usize) -> Option<Claim<'_>> {
        let word = self.0.get(place)?;
        // The guard is made only where this call claimed the region: dropping it elsewhere would release another
        // core's claim.
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
