// SPDX-License-Identifier: GPL-2.0

//! Bitmaps that several cores write at once.

use core::ops::Range;

/// One word of a bitmap: the kernel's atomics in the module, the standard library's in host tests.
///
/// No operation orders other memory accesses. A caller that gives a bitmap to another core must order them.
pub(crate) trait Word {
    /// The value at this moment.
    fn get(&self) -> u64;
    /// Sets the bits of `mask`; returns the previous value. Writes only if the value changes.
    fn set(&self, mask: u64) -> u64;
    /// Clears the bits of `mask`; returns the previous value. Writes only if the value changes.
    fn clear(&self, mask: u64) -> u64;
}

/// The number of words that hold `bits` bits.
pub(crate) const fn words(bits: usize) -> usize {
    bits.div_ceil(64)
}

/// A bitmap over borrowed words.
pub(crate) struct Bits<'a, W>(pub &'a [W]);

impl<W> Clone for Bits<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Bits<'_, W> {}

impl<'a, W: Word> Bits<'a, W> {
    fn place(&self, bit: usize) -> Option<(&'a W, u64)> {
        Some((self.0.get(bit / 64)?, 1u64 << (bit % 64)))
    }

    /// Whether a bit is set. `false` for bits beyond the end.
    pub(crate) fn test(&self, bit: usize) -> bool {
        self.place(bit)
            .is_some_and(|(word, mask)| word.get() & mask != 0)
    }

    /// Sets a bit; returns whether it was set before. Does nothing beyond the end.
    pub(crate) fn set(&self, bit: usize) -> bool {
        self.place(bit)
            .is_some_and(|(word, mask)| word.set(mask) & mask != 0)
    }

    /// Clears a bit; returns whether it was set before. Does nothing beyond the end.
    pub(crate) fn clear(&self, bit: usize) -> bool {
        self.place(bit)
            .is_some_and(|(word, mask)| word.clear(mask) & mask != 0)
    }

    /// Sets all bits below `bits`.
    pub(crate) fn fill(&self, bits: usize) {
        for (i, word) in self.0.iter().enumerate() {
            let below = bits.saturating_sub(i.saturating_mul(64));
            word.set(match below {
                0 => 0,
                1..=63 => (1u64 << below) - 1,
                _ => u64::MAX,
            });
        }
    }

    /// Clears all bits.
    pub(crate) fn wipe(&self) {
        for word in self.0 {
            word.clear(u64::MAX);
        }
    }

    /// The number of bits that are set.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|w| w.get().count_ones() as usize).sum()
    }

    /// Whether no bit is set.
    pub(crate) fn empty(&self) -> bool {
        self.0.iter().all(|w| w.get() == 0)
    }

    /// The first set bit at or after `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let mut index = from / 64;
        let mut mask = u64::MAX << (from % 64);
        loop {
            let found = self.0.get(index)?.get() & mask;
            if found != 0 {
                return index
                    .checked_mul(64)?
                    .checked_add(found.trailing_zeros() as usize);
            }
            index = index.checked_add(1)?;
            mask = u64::MAX;
        }
    }

    /// All set bits, from `start` to the end and then from 0 to `start`.
    ///
    /// The iterator may or may not return bits that change during the iteration.
    pub(crate) fn iter_from(self, start: usize) -> impl Iterator<Item = usize> + use<'a, W> {
        self.iter_in(0..usize::MAX, start)
    }

    /// The set bits in `range`, from `start` to the end of `range` and then from its beginning to `start`.
    /// Where `start` lies outside `range`, the iteration starts at the beginning of `range`.
    ///
    /// The iterator may or may not return bits that change during the iteration.
    pub(crate) fn iter_in(
        self,
        range: Range<usize>,
        start: usize,
    ) -> impl Iterator<Item = usize> + use<'a, W> {
        let start = if range.contains(&start) {
            start
        } else {
            range.start
        };
        let mut at = start;
        let mut wrapped = false;
        core::iter::from_fn(move || loop {
            match self.next(at).filter(|bit| *bit < range.end) {
                Some(bit) if !wrapped || bit < start => {
                    at = bit.checked_add(1)?;
                    return Some(bit);
                }
                _ if wrapped => return None,
                _ => {
                    wrapped = true;
                    at = range.start;
                }
            }
        })
    }
}
