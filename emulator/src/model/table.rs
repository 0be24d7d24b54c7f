// SPDX-License-Identifier: GPL-2.0

//! One core's RMPOPT table and its RMPOPT_BASE.

use super::addr::{index, Region, REGION};

/// RMPOPT_EN.
pub const ENABLE: u64 = 1;

/// The table of a core: a bit for each region of its window.
///
/// # Invariants
///
/// No bit is set while RMPOPT_EN is 0, unless the switch `base_write_clears` keeps the table.
#[derive(Clone, Debug)]
pub struct Table {
    base: u64,
    bits: Vec<bool>,
}

impl Table {
    /// An empty table that spans `window` GiB, with RMPOPT off.
    pub fn new(window: u64) -> Self {
        Self {
            base: 0,
            bits: vec![false; index(window)],
        }
    }

    /// The value of RMPOPT_BASE.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Sets RMPOPT_BASE and does not change the bits.
    pub fn set_base(&mut self, value: u64) {
        self.base = value;
    }

    /// Whether RMPOPT is enabled on this core.
    pub fn enabled(&self) -> bool {
        self.base & ENABLE != 0
    }

    /// Clears all bits.
    pub fn clear(&mut self) {
        self.bits.fill(false);
    }

    /// Whether the region lies in the window.
    pub fn spans(&self, region: Region) -> bool {
        self.slot(region).is_some()
    }

    /// Whether the core skips the checks of the region.
    pub fn optimised(&self, region: Region) -> bool {
        self.enabled()
            && self
                .slot(region)
                .and_then(|i| self.bits.get(i).copied())
                .unwrap_or(false)
    }

    /// The region's bit, whatever RMPOPT_EN is.
    pub fn bit(&self, region: Region) -> bool {
        self.slot(region)
            .and_then(|i| self.bits.get(i).copied())
            .unwrap_or(false)
    }

    /// Changes the bit of a region of the window; returns its previous value.
    pub fn set(&mut self, region: Region, value: bool) -> bool {
        let place = self.slot(region).and_then(|i| self.bits.get_mut(i));
        place.is_some_and(|bit| std::mem::replace(bit, value))
    }

    /// The optimised regions, in order.
    pub fn regions(&self) -> Vec<u64> {
        let first = self.base / REGION;
        let all = (first..).zip(&self.bits);
        all.filter(|(_, bit)| self.enabled() && **bit)
            .map(|(region, _)| region)
            .collect()
    }

    fn slot(&self, region: Region) -> Option<usize> {
        let slot = index(region.0.checked_sub(self.base / REGION)?);
        (slot < self.bits.len()).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_counts_in_the_window_while_enabled() {
        let mut table = Table::new(4);
        table.set_base((2 * REGION) | ENABLE);
        assert!(!table.spans(Region(1)));
        assert!(table.spans(Region(2)));
        assert!(table.spans(Region(5)));
        assert!(!table.spans(Region(6)));
        assert!(!table.set(Region(3), true));
        assert!(!table.set(Region(6), true));
        assert!(table.optimised(Region(3)));
        assert_eq!(table.regions(), [3]);
        table.set_base(2 * REGION);
        assert!(!table.optimised(Region(3)));
        assert!(table.bit(Region(3)));
        table.clear();
        assert!(!table.bit(Region(3)));
    }
}
