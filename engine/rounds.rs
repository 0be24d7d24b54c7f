// SPDX-License-Identifier: GPL-2.0

//! The two rounds of a pass, over all cores.
//!
//! Pure: the cores are behind the trait [`Crew`], so that a fake can drive every race. What one core
//! does in a round is in [`super::pass`].

use super::{
    bitmap::{
        Bits,
        Word, //
    },
    pass::Board, //
};

/// All cores of the host.
pub(crate) trait Crew {
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

/// Carries both rounds out. Regions that were lost between them are marked as `changed`: the next
/// pass attempts them.
///
/// Regions that are open afterwards were not verified: no core covers them, all leaders were lost, or
/// somebody asked for the end.
pub(crate) fn run<W: Word, C: Crew>(board: &Board<'_, W>, changed: Bits<'_, W>, crew: &mut C) {
    board.lost.wipe();
    // A leader that is lost leaves its regions open: another one takes them over. One that stops
    // before its first region is replaced too, but not for ever: SNP may be off.
    let mut stalls = 0u32;
    while !board.open.empty() && !crew.aborting() && stalls < STALLS {
        let before = board.open.count();
        if !crew.lead() {
            break;
        }
        let stalled = board.open.count() == before;
        stalls = if stalled { stalls.saturating_add(1) } else { 0 };
    }
    if !crew.aborting() {
        crew.follow();
    }
    for place in board.lost.iter_from(0) {
        changed.set(place);
    }
}
