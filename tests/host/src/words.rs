// SPDX-License-Identifier: GPL-2.0

//! Bitmap words for the host.

use crate::engine::bitmap::{
    words,
    Word, //
};
use std::sync::atomic::{
    AtomicU64,
    Ordering::Relaxed, //
};

impl Word for AtomicU64 {
    fn get(&self) -> u64 {
        self.load(Relaxed)
    }

    fn set(&self, mask: u64) -> u64 {
        self.fetch_or(mask, Relaxed)
    }

    fn clear(&self, mask: u64) -> u64 {
        self.fetch_and(!mask, Relaxed)
    }
}

/// Words for this many bits, all clear.
pub(crate) fn zeroed(bits: usize) -> Vec<AtomicU64> {
    (0..words(bits)).map(|_| AtomicU64::new(0)).collect()
}
