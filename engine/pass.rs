// SPDX-License-Identifier: GPL-2.0

//! What one core does in one round of a pass.
//!
//! Pure: the core is behind the trait [`Hands`], so that a fake can drive every race.

use super::bitmap::{
    Bits,
    Word, //
};

/// Why a core stops before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The work no longer runs on its core: the CPU went offline.
    Moved,
    /// The core answered with a fault and is taken out.
    Faulted,
    /// SNP went off, or somebody else has cleared RMPOPT_BASE.
    Lost,
    /// Somebody asked for it: switched off, or unloading.
    Asked,
}

/// What a core answers to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The region is optimised on this core now.
    Optimised,
    /// It is not: it holds an assigned page.
    Held,
    /// Another core is just at it; nothing was done.
    Busy,
}

/// What the round needs from the core that it runs on. Regions are places in the list of RAM.
pub(crate) trait Hands {
    /// Attempts one region, unless another core is just at it: cores that meet in a region slow each
    /// other down twenty-fold.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn attempt(&self, place: usize) -> Result<Answer, Stop>;

    /// A point between two regions, at which others may have the core.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn breathe(&self) -> Result<(), Stop>;

    /// Sleeps a little, as others are at all that is left to do: the longer, the more often in a row.
    ///
    /// # Errors
    ///
    /// The reason to stop.
    fn wait(&self, times: u32) -> Result<(), Stop>;

    /// Whether the region lies in this core's window and the core is not known to have it optimised.
    fn lacks(&self, place: usize) -> bool;
}

/// What a pass knows about regions while it runs, shared by all cores.
pub(crate) struct Board<'a, W> {
    /// Regions that no leader has verified yet.
    pub(crate) open: Bits<'a, W>,
    /// Regions that a leader found free: followers attempt these.
    pub(crate) free: Bits<'a, W>,
    /// Regions that a leader found to hold assigned pages.
    pub(crate) held: Bits<'a, W>,
    /// Regions that a follower found lost after a leader had found them free.
    pub(crate) lost: Bits<'a, W>,
}

/// What a core did in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Attempts.
    pub(crate) attempted: u32,
    /// Attempts that left the region optimised.
    pub(crate) won: u32,
}

impl Tally {
    fn count(&mut self, won: bool) {
        self.attempted = self.attempted.saturating_add(1);
        if won {
            self.won = self.won.saturating_add(1);
        }
    }
}

/// The first round: verifies those of the open regions that `mine` names.
///
/// Each becomes free or held. What is still open afterwards was not reached.
pub(crate) fn lead<W: Word, H: Hands>(
    board: &Board<'_, W>,
    hands: &H,
    mine: impl Fn(usize) -> bool,
    tally: &mut Tally,
) -> Result<(), Stop> {
    for place in board.open.iter_from(0) {
        if !mine(place) {
            continue;
        }
        hands.breathe()?;
        match hands.attempt(place)? {
            Answer::Optimised => board.free.set(place),
            Answer::Held => board.held.set(place),
            // No leader shares a region with another; what is left open is led again.
            Answer::Busy => continue,
        };
        tally.count(board.free.test(place));
        board.open.clear(place);
    }
    Ok(())
}

/// The second round: attempts what the leaders found free, from `start` on.
pub(crate) fn follow<W: Word, H: Hands>(
    board: &Board<'_, W>,
    hands: &H,
    start: usize,
    tally: &mut Tally,
) -> Result<(), Stop> {
    let mut busy = true;
    let mut waits = 0u32;
    while busy {
        busy = false;
        let before = tally.attempted;
        for place in board.free.iter_from(start) {
            if !hands.lacks(place) || board.lost.test(place) {
                continue;
            }
            hands.breathe()?;
            match hands.attempt(place)? {
                Answer::Optimised => tally.count(true),
                Answer::Held => {
                    tally.count(false);
                    board.lost.set(place);
                }
                // On to the next one, and back to this one in another round.
                Answer::Busy => busy = true,
            }
        }
        if busy {
            waits = if tally.attempted == before {
                waits.saturating_add(1)
            } else {
                1
            };
            hands.wait(waits)?;
        }
    }
    Ok(())
}
