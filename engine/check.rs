// SPDX-License-Identifier: GPL-2.0

//! One core looks whether it still has what it is known to have. It only asks, and scans nothing.
//!
//! Pure: the core is behind the trait [`Reporter`].

use super::{
    bitmap::{
        Bits,
        Word, //
    },
    pass::{
        Hands,
        Stop, //
    },
};

/// A core that can also be asked.
pub(crate) trait Reporter: Hands {
    /// Whether the core is known to have the region optimised.
    fn has(&self, place: usize) -> bool;

    /// Whether the region is optimised on this core, by its own word.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn report(&self, place: usize) -> Result<bool, Stop>;
}

/// Asks for all of `regions` places that the core has, and marks those as `lost` that it has no
/// longer.
pub(crate) fn check<W: Word, R: Reporter>(
    lost: Bits<'_, W>,
    core: &R,
    regions: usize,
) -> Result<(), Stop> {
    for place in 0..regions {
        if !core.has(place) {
            continue;
        }
        core.breathe()?;
        if !core.report(place)? {
            lost.set(place);
        }
    }
    Ok(())
}
