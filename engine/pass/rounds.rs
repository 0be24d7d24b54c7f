// SPDX-License-Identifier: GPL-2.0

//! The two rounds of a pass, over all cores.
//!
//! Pure: the cores are behind the trait [`PassOps`], so that a fake can drive every race. What one core
//! does in a round is in [`super::core_round`].

use super::sets::Sets;
use crate::engine::bitmap::{
    Bits,
    Word, //
};

/// All cores of the host.
pub(crate) trait PassOps {
    /// Has leaders verify what is open, each its own regions, all at the same time. Tells whether
    /// there is any leader.
    fn lead(&mut self) -> bool;

    /// Has all cores attempt what leaders have found free.
    fn follow(&mut self);

    /// Whether the pass shall end early.
    fn aborting(&self) -> bool;
}

/// How often in a row leaders may do nothing before the pass gives up.
const STALLS: u32 = 3;

/// Carries both rounds out. Regions that raced are marked as `dirty`: the next pass attempts them.
///
/// Regions that are open afterwards were not verified: no core covers them, every leader has stopped, or
/// somebody asked for the end.
pub(crate) fn run<W: Word, P: PassOps>(sets: &Sets<'_, W>, dirty: Bits<'_, W>, cores: &mut P) {
    sets.raced.wipe();
    // A leader that stops leaves its regions open, and another one takes them over. One that stops
    // before its first region is replaced too, but not for ever: SNP may be off.
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
