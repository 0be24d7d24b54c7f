// SPDX-License-Identifier: GPL-2.0

//! Checks on one core whether it still has the regions that it is known to have. The core executes RMPOPT in its
//! report form only, which scans nothing.
//!
//! Pure: the trait [`Reporter`] hides the core.

use super::core_round::{
    CoreOps,
    Stop, //
};
use crate::engine::bitmap::{
    Bits,
    Word, //
};

/// What a check needs from the core that it runs on.
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

/// Asks the core for each of the first `regions` places that it is known to have, and marks a place in `missing`
/// where the core does not have it.
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
