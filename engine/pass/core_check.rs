// SPDX-License-Identifier: GPL-2.0

//! One core looks whether it still has what it is known to have. It only asks, and scans nothing.
//!
//! Pure: the core is behind the trait [`Reporter`].

use super::core_round::{
    CoreOps,
    Stop, //
};
use crate::engine::bitmap::{
    Bits,
    Word, //
};

/// A core that can also be asked.
pub(crate) trait Reporter: CoreOps {
    /// Whether the core is known to have the region optimised.
    fn has(&self, place: usize) -> bool;

    /// Whether the region is optimised on this core, by the core's own answer.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn report(&self, place: usize) -> Result<bool, Stop>;
}

/// Asks for all of `regions` places that the core is known to have, and marks those as `missing` that it
/// does not have.
///
/// # Errors
///
/// The reason why the core has stopped.
pub(crate) fn check<W: Word, R: Reporter>(
    missing: Bits<'_, W>,
    core: &R,
    regions: usize,
) -> Result<(), Stop> {
    for place in 0..regions {
        if !core.has(place) {
            continue;
        }
        core.yield_point()?;
        if !core.report(place)? {
            missing.set(place);
        }
    }
    Ok(())
}
