// SPDX-License-Identifier: GPL-2.0

//! The two rounds of a pass, over all cores.
//!
//! Pure: the trait [`PassOps`] hides the cores, so that tests can produce every race with fake cores.
//! [`super::core_round`] holds what one core does in a round.

use super::sets::Sets;
use crate::engine::bitmap::{
    Bits,
    Word, //
};

/// What a pass needs from all cores of the host.
pub(crate) trait PassOps {
    /// Has the leaders verify the open regions: all leaders at the same time, each its own regions. Returns whether
    /// there is any leader.
    fn lead(&mut self) -> bool;

    /// Has all cores attempt the regions that leaders have found free.
    fn follow(&mut self);

    /// Whether the pass must end early.
    fn aborting(&self) -> bool;
}

/// The number of consecutive calls of [`PassOps::lead`] without progress after which the pass leads no further.
const STALLS: u32 = 3;

/// Carries both rounds out. Marks the regions that raced in `dirty`, so that the next pass attempts them.
///
/// Regions that are open afterwards were not verified, because no core's window covers them, every leader has
/// stopped, or somebody asked for the end of the pass.
pub(crate) fn run<W: Word, P: PassOps>(sets: &Sets<'_, W>, dirty: Bits<'_, W>, cores: &mut P) {
    sets.raced.wipe();
    // A leader that stops leaves its regions open, and the next call of lead() gives them to other leaders. The
    // number of calls in which no leader verifies any region is limited: SNP may be off.
    let mut stalls = 0u32;
    while !sets.open.empty() && !cores.aborting() && stalls < STALLS {
        let before = sets.open.count();
        if !cores.lead() {
            break;
        }
        let stalled = sets.open.count() == before;
        stalls = if stalled { stalls.saturating_add(1) } else { 0 };
    }
    if !cores.aborting() {
        cores.follow();
    }
    for place in sets.raced.iter_from(0) {
        dirty.set(place);
    }
}
