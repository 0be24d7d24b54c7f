// SPDX-License-Identifier: GPL-2.0

//! Makes the kernel's atomics usable as words of a bitmap.

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

/// Replaces a word's value `old` by `new(old)`; returns `old`. Writes only if the two differ.
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

/// Allocates the words of a bitmap of `bits` bits, all of them clear. May sleep.
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
