// SPDX-License-Identifier: GPL-2.0

//! What one core does in one round of a pass.
//!
//! Pure: the core is behind the trait [`CoreOps`], so that a fake can drive every race.

use super::sets::Sets;
use crate::engine::{
    bitmap::Word,
    stats::CoreTally, //
};

/// Why a core stops before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The work no longer runs on its core: the CPU went offline.
    Moved,
    /// The core answered with a fault and is taken out.
    Faulted,
    /// SNP went off, or somebody else has cleared RMPOPT_BASE.
    Cleared,
    /// Somebody asked for it: switched off, or unloading.
    Asked,
}

/// What a core answers to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreAnswer {
    /// The region is optimised on this core now.
    Optimised,
    /// It is not: it holds an assigned page.
    Held,
    /// Another core is at it, or this one does not reach it: nothing was done.
    Busy,
}

/// What a round needs from the core that it runs on. Regions are places in the list of RAM.
pub(crate) trait CoreOps {
    /// Attempts one region, unless another core is at it: cores that meet in a region slow each other
    /// down twenty-fold.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn attempt(&self, place: usize) -> Result<CoreAnswer, Stop>;

    /// A point between two regions, at which others may have the core.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn yield_point(&self) -> Result<(), Stop>;

    /// Backs off while other cores are at every remaining region. The delay doubles with `times`, the number
    /// of consecutive calls, up to a limit.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn back_off(&self, times: u32) -> Result<(), Stop>;

    /// Whether the region lies in this core's window and the core is not known to have it optimised.
    fn lacks(&self, place: usize) -> bool;
}

/// The first round: verifies those of the open regions that `mine` names.
///
/// Each becomes free or held. What is still open afterwards was not reached.
///
/// # Errors
///
/// The reason why the core has stopped. What it has done until then counts.
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
            // A region has one leader. What is still open is led again.
            CoreAnswer::Busy => continue,
        };
        tally.count(sets.free.test(place));
        sets.open.clear(place);
    }
    Ok(())
}

/// The second round: attempts what the leaders found free, from `start` on.
///
/// # Errors
///
/// The reason why the core has stopped. What it has done until then counts.
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
                // This one is attempted again after all others.
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
