// SPDX-License-Identifier: GPL-2.0

//! What the cores had before the module looked: won without an attempt.

use super::{
    sight,
    state,
    Census,
    Dirt,
    Fate, //
};
use crate::{
    engine::{
        machine::Machine,
        tracker::{
            Look,
            Pages,
            Sight,
            State, //
        }, //
    },
    sys::probe::{
        self,
        now_ms, //
    }, //
};
use kernel::sync::atomic::Relaxed;

impl Dirt {
    /// The cores are about to be asked for what they have.
    pub(crate) fn begin_adoption(&self, machine: &Machine) {
        for (_, line) in self.all(machine) {
            line.before.store(state(line).0, Relaxed);
        }
    }

    /// So many regions were optimised by the kernel itself since anybody looked.
    pub(crate) fn native_pass(&self, won: u32) {
        if won != 0 {
            let mut stats = self.stats.lock();
            stats.native_passes = stats.native_passes.saturating_add(1);
            stats.native_won = stats.native_won.saturating_add(won.into());
        }
    }

    /// Whether a region that some core's window covers may be free and is not known to be optimised.
    pub(crate) fn pending(&self, machine: &Machine) -> bool {
        // What comes from here on kicks the thread again.
        probe::reset_kick();
        let now = now_ms();
        let board = machine.board();
        self.all(machine).any(|(place, line)| {
            let queued = sight(&mut Look::default(), line, now) == Sight::Queued;
            let assigned = matches!(state(line).pages(), Pages::Known(1..));
            let open = board.open.test(place) && !assigned;
            (queued || open) && machine.covered(place)
        })
    }

    /// The cores were asked: what any of them has is on the board as free. Of the rest it is found out
    /// what their entries say; what they say is held has not to be attempted, all else is
    /// open. May sleep.
    ///
    /// Returns how many regions are optimised that were not known to be.
    pub(crate) fn end_adoption(&self, machine: &Machine, census: &impl Census) -> u32 {
        let mut new = 0u32;
        let now = now_ms();
        let board = machine.board();
        for (place, line) in self.all(machine) {
            let Some(ram) = machine.ram.get(place) else {
                continue;
            };
            let free = board.free.test(place);
            if !free && census.held(ram.region) != Some(true) {
                // What held it may have gone unseen.
                board.held.clear(place);
                board.open.set(place);
                continue;
            }
            line.seen
                .store(State(line.before.load(Relaxed)).conversions(), Relaxed);
            line.attempt.store(now, Relaxed);
            if free {
                new = new.saturating_add(u32::from(line.optimised.load(Relaxed) == 0));
                line.result.store(Fate::Optimised.code(), Relaxed);
                // Nobody has attempted it because of a conversion.
                self.won(machine, place, line, None);
            } else {
                board.open.clear(place);
                board.held.set(place);
                line.result.store(Fate::Held.code(), Relaxed);
                self.held(line);
            }
        }
        new
    }
}
