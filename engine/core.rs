// SPDX-License-Identifier: GPL-2.0

//! A core: one RMPOPT table, shared by its threads.

use super::{
    bitmap::{
        words,
        Bits,
        Word, //
    },
    pass::Tally,
    window::{
        Window,
        SPAN, //
    },
};
use crate::{
    sev::addr::Region,
    sys::insn::Fault, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

impl Word for Atomic<u64> {
    fn get(&self) -> u64 {
        self.load(Relaxed)
    }

    fn set(&self, mask: u64) -> u64 {
        update(self, |old| old | mask)
    }

    fn clear(&self, mask: u64) -> u64 {
        update(self, |old| old & !mask)
    }
}

/// Replaces a word by what `new` makes of it; returns the value before.
fn update(word: &Atomic<u64>, new: impl Fn(u64) -> u64) -> u64 {
    let mut old = word.load(Relaxed);
    loop {
        let wanted = new(old);
        if wanted == old {
            return old;
        }
        match word.cmpxchg(old, wanted, Relaxed) {
            Ok(_) => return old,
            Err(current) => old = current,
        }
    }
}

/// What a core's RMPOPT_BASE is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not set by us.
    Off,
    /// Set by us.
    On,
    /// An access faulted. Nothing is tried until SNP comes on again or the administrator asks.
    TakenOut(Fault),
}

impl State {
    fn encode(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::TakenOut(Fault::InvalidOpcode) => 0x100 | 6,
            Self::TakenOut(Fault::GeneralProtection) => 0x100 | 13,
            Self::TakenOut(Fault::Other(vector)) => 0x200 | u32::from(vector),
            // Never a reason to take a core out.
            Self::TakenOut(Fault::Initialising) => 0,
        }
    }

    fn decode(code: u32) -> Self {
        match code {
            0 => Self::Off,
            1 => Self::On,
            0x106 => Self::TakenOut(Fault::InvalidOpcode),
            0x10d => Self::TakenOut(Fault::GeneralProtection),
            other => Self::TakenOut(Fault::Other(other.to_le_bytes()[0])),
        }
    }
}

/// The value of [`Core::first`] without a window.
const NO_WINDOW: u32 = u32::MAX;

/// A core, as long as the module is loaded. All of it may be used from any CPU at any time.
pub(crate) struct Core {
    id: u32,
    state: Atomic<u32>,
    node: Atomic<u32>,
    first: Atomic<u32>,
    span: Atomic<u32>,
    losses: Atomic<u32>,
    /// Its last thread is going offline or has gone.
    leaving: Atomic<bool>,
    /// All that there was to do was done since it was switched on, moved, or SNP initialised.
    served: Atomic<bool>,
    attempted: Atomic<u32>,
    won: Atomic<u32>,
    /// What it is known to have optimised, by place in the window. A hint: the core's own answer is
    /// the truth.
    table: KBox<Table>,
}

/// A bit for each region of a window.
type Table = [Atomic<u64>; words(SPAN as usize)];

impl Core {
    /// Bytes that a core takes beside itself.
    pub(crate) const TABLE_BYTES: usize = size_of::<Table>();

    /// A core of which nothing is known yet but the number, as [`crate::sys::cpu::Cpu::core_id`].
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(id: u32) -> Result<Self> {
        let table: Table = [const { Atomic::new(0) }; words(SPAN as usize)];
        Ok(Self {
            id,
            state: Atomic::new(State::Off.encode()),
            node: Atomic::new(0),
            first: Atomic::new(NO_WINDOW),
            span: Atomic::new(0),
            losses: Atomic::new(0),
            leaving: Atomic::new(false),
            served: Atomic::new(false),
            attempted: Atomic::new(0),
            won: Atomic::new(0),
            // Apart: both fit into a slab of their size then.
            table: KBox::new(table, GFP_KERNEL)?,
        })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What RMPOPT_BASE is to us.
    pub(crate) fn state(&self) -> State {
        State::decode(self.state.load(Relaxed))
    }

    /// Sets what RMPOPT_BASE is to us; returns what it was.
    pub(crate) fn set_state(&self, state: State) -> State {
        if state != State::On {
            self.set_served(false);
        }
        State::decode(self.state.xchg(state.encode(), Relaxed))
    }

    /// Whether its last thread is going offline or has gone: nothing may switch it on.
    pub(crate) fn leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Its last thread goes offline, or one has come online.
    pub(crate) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Relaxed);
    }

    /// Whether it has done all that there was since it was switched on, moved, or SNP initialised.
    pub(crate) fn served(&self) -> bool {
        self.served.load(Relaxed)
    }

    /// Sets what [`Core::served`] tells.
    pub(crate) fn set_served(&self, served: bool) {
        self.served.store(served, Relaxed);
    }

    /// Forgets a fault, so that the core is tried again.
    pub(crate) fn forgive(&self) {
        self.settle();
        if let State::TakenOut(_) = self.state() {
            self.set_state(State::Off);
        }
    }

    /// RMPOPT_BASE is off, so the core has nothing.
    pub(crate) fn set_off(&self) {
        self.set_state(State::Off);
        self.table().wipe();
    }

    /// RMPOPT_BASE is no longer what we had set, under work that was going on.
    pub(crate) fn lose(&self) {
        self.set_off();
        self.losses.fetch_add(1, Relaxed);
    }

    /// How often RMPOPT_BASE was lost since the last [`Core::settle`].
    pub(crate) fn losses(&self) -> u32 {
        self.losses.load(Relaxed)
    }

    /// The core has done its part without a loss.
    pub(crate) fn settle(&self) {
        if self.losses.load(Relaxed) != 0 {
            self.losses.store(0, Relaxed);
        }
    }

    /// The core's NUMA node.
    pub(crate) fn node(&self) -> u32 {
        self.node.load(Relaxed)
    }

    /// Sets the core's NUMA node.
    pub(crate) fn set_node(&self, node: u32) {
        self.node.store(node, Relaxed);
    }

    /// The window that the core shall have.
    pub(crate) fn window(&self) -> Option<Window> {
        Some(Window {
            first: Region::new(self.first.load(Relaxed))?,
            span: self.span.load(Relaxed),
        })
    }

    /// Sets the window that the core shall have. No pass may be under way.
    pub(crate) fn set_window(&self, window: Option<Window>) {
        if window == self.window() {
            return;
        }
        self.table().wipe();
        self.set_served(false);
        let (first, span) = window.map_or((NO_WINDOW, 0), |w| (w.first.gib(), w.span));
        self.span.store(span, Relaxed);
        self.first.store(first, Relaxed);
    }

    /// What the core is known to have optimised.
    pub(crate) fn table(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&*self.table)
    }

    /// What the core did in the last pass.
    pub(crate) fn last(&self) -> Tally {
        Tally {
            attempted: self.attempted.load(Relaxed),
            won: self.won.load(Relaxed),
        }
    }

    /// Starts the count of a new pass.
    pub(crate) fn reset_last(&self) {
        self.attempted.store(0, Relaxed);
        self.won.store(0, Relaxed);
    }

    /// Adds what the core did in a round. Only the core's own work calls this.
    pub(crate) fn add_last(&self, tally: Tally) {
        let last = self.last();
        self.attempted
            .store(last.attempted.saturating_add(tally.attempted), Relaxed);
        self.won.store(last.won.saturating_add(tally.won), Relaxed);
    }
}
