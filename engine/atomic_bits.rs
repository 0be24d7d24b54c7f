// SPDX-License-Identifier: GPL-2.0

//! The kernel's atomics as the words of bitmaps.

use super::bitmap::{
    words,
    Word, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

impl Word for Atomic<u64> {
    fn get(&self) -> u64 {
        self.load(Relaxed)
    }

    fn set(&self, mask: u64) -> u64 {
        update(self, |old| old | mask)
    }

    fn clear(&self, mask: u64) -> u64 {
        update(self, |old| old & !mask)
    }
}

/// Replaces a word by what `new` makes of it; returns the value before. Writes only if that changes
/// something.
fn update(word: &Atomic<u64>, new: impl Fn(u64) -> u64) -> u64 {
    let mut old = word.load(Relaxed);
    loop {
        let wanted = new(old);
        if wanted == old {
            return old;
        }
        match word.cmpxchg(old, wanted, Relaxed) {
            Ok(_) => return old,
            Err(current) => old = current,
        }
    }
}

/// The words of a bitmap of `bits` bits, all of them clear. May sleep.
///
/// # Errors
///
/// ENOMEM.
pub(crate) fn cleared(bits: usize) -> Result<KVVec<Atomic<u64>>> {
    let words = words(bits);
    let mut bitmap = KVVec::with_capacity(words, GFP_KERNEL)?;
    for _ in 0..words {
        bitmap.push(Atomic::new(0), GFP_KERNEL)?;
    }
    Ok(bitmap)
}
