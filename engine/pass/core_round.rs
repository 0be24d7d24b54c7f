// SPDX-License-Identifier: GPL-2.0

//! What one core does in one round of a pass.
//!
//! Pure: the trait [`CoreOps`] hides the core, so that tests can produce every race with a fake core.

use super::sets::Sets;
use crate::engine::{
    bitmap::Word,
    stats::CoreTally, //
};

/// Why a core stops before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The work does not run on its core any more: the CPU went offline.
    Moved,
    /// The core answered with a fault and is taken out.
    Faulted,
    /// SNP went off, or somebody else has cleared RMPOPT_BASE.
    Cleared,
    /// Somebody asked for the end of the work: RMPOPT was switched off, or the module is being unloaded.
    Asked,
}

/// A core's answer to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreAnswer {
    /// The region is optimised on this core now.
    Optimised,
    /// The region is not optimised on this core: it holds an assigned page.
    Held,
    /// The core did nothing: another core has claimed the region, or it lies outside this core's window.
    Busy,
}

/// What a round needs from the core that it runs on. A region is named by its place in the list of RAM.
pub(crate) trait CoreOps {
    /// Attempts one region, unless another core has claimed it: cores that attempt one region at the same time
    /// slow each other down twenty-fold.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop>;

    /// Lets other tasks have the core. The round calls this before each region.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn yield_point(&self) -> Result<(), Stop>;

    /// Backs off while other cores hold every remaining region. The delay doubles per consecutive call, up to a
    /// limit; `times` is the number of consecutive calls.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn back_off(&self, times: u32) -> Result<(), Stop>;

    /// Whether the region lies in this core's window and the core is not known to have it optimised.
    fn lacks(&self, place: usize) -> bool;
}

/// The first round: the core verifies the open regions for which `mine` is true.
///
/// Each verified region becomes free or held. A region that is still open afterwards was not verified.
///
/// # Errors
///
/// The reason why the core has stopped. The results until then count.
pub(crate) fn lead<W: Word, C: CoreOps>(
    sets: &Sets<'_, W>,
    core: &C,
    mine: impl Fn(usize) -> bool,
    tally: &mut CoreTally,
) -> Result<(), Stop> {
    for place in sets.open.iter_from(0) {
        if !mine(place) {
            continue;
        }
        core.yield_point()?;
        match core.attempt(place)? {
            CoreAnswer::Optimised => sets.free.set(place),
            CoreAnswer::Held => sets.held.set(place),
            // The region stays open, and the pass leads it again.
            CoreAnswer::Busy => continue,
        };
        tally.count(sets.free.test(place));
        sets.open.clear(place);
    }
    Ok(())
}

/// The second round: the core attempts the regions that the leaders found free, beginning at `start`.
///
/// # Errors
///
/// The reason why the core has stopped. The results until then count.
pub(crate) fn follow<W: Word, C: CoreOps>(
    sets: &Sets<'_, W>,
    core: &C,
    start: usize,
    tally: &mut CoreTally,
) -> Result<(), Stop> {
    let mut busy = true;
    let mut waits = 0u32;
    while busy {
        busy = false;
        let before = tally.attempted;
        for place in sets.free.iter_from(start) {
            if !core.lacks(place) || sets.raced.test(place) {
                continue;
            }
            core.yield_point()?;
            match core.attempt(place)? {
                CoreAnswer::Optimised => tally.count(true),
                CoreAnswer::Held => {
                    tally.count(false);
                    sets.raced.set(place);
                }
                // The outer loop attempts this region again after all others.
                CoreAnswer::Busy => busy = true,
            }
        }
        if busy {
            waits = if tally.attempted == before {
                waits.saturating_add(1)
            } else {
                1
            };
            core.back_off(waits)?;
        }
    }
    Ok(())
}
