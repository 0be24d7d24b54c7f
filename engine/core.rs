// SPDX-License-Identifier: GPL-2.0

//! A core: one RMPOPT table, shared by its threads.

use super::{
    bitmap::{
        words,
        Bits,
        Word, //
    },
    pass::Tally,
    state::{
        window_of,
        Asked,
        Owner, //
    },
    window::{
        Window,
        SPAN, //
    },
};
use crate::sev::{
    addr::Region,
    fault::Fault,
    msr::RmpoptBase, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

pub(crate) use super::state::State;

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

/// The value of [`Core::first`] without a window.
const NO_WINDOW: u32 = u32::MAX;
/// The value of [`Core::read`] while nobody has looked: reserved bits are set.
const NOT_READ: u64 = u64::MAX;
/// The bit of [`Core::fault`] that says that there was one; the vector is below.
const FAULT: u32 = 0x100;

/// A core, as long as the module is loaded. All of it may be used from any CPU at any time.
pub(crate) struct Core {
    id: u32,
    /// What we asked for last: [`Asked::encode`].
    asked: Atomic<u64>,
    /// RMPOPT_BASE as last read.
    read: Atomic<u64>,
    /// The first region of the window that the processor has refused, or [`NO_WINDOW`].
    refused: Atomic<u32>,
    /// Whether and how an access faulted.
    fault: Atomic<u32>,
    /// RMPOPT_BASE is the kernel's.
    native: Atomic<bool>,
    /// What RMPOPT_BASE becomes when we let go of it.
    rest: Atomic<u64>,
    node: Atomic<u32>,
    first: Atomic<u32>,
    span: Atomic<u32>,
    losses: Atomic<u32>,
    /// Its last thread is going offline or has gone.
    leaving: Atomic<bool>,
    /// All that there was to do was done since it was switched on, moved, or SNP initialised.
    served: Atomic<bool>,
    /// `table` says what the core has. It does not where the core was on before we looked.
    known: Atomic<bool>,
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
            asked: Atomic::new(Asked::Nothing.encode()),
            read: Atomic::new(NOT_READ),
            refused: Atomic::new(NO_WINDOW),
            fault: Atomic::new(0),
            native: Atomic::new(false),
            rest: Atomic::new(RmpoptBase::OFF.0),
            node: Atomic::new(0),
            first: Atomic::new(NO_WINDOW),
            span: Atomic::new(0),
            losses: Atomic::new(0),
            leaving: Atomic::new(false),
            served: Atomic::new(false),
            known: Atomic::new(false),
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

    /// What RMPOPT_BASE is to us, as it was when last read.
    pub(crate) fn state(&self) -> State {
        self.state_at(self.read().unwrap_or_default())
    }

    /// What it is to us where it reads so.
    pub(crate) fn state_at(&self, read: RmpoptBase) -> State {
        match self.fault.load(Relaxed) {
            0 => State::of(self.asked(), read, self.owner()),
            code => {
                let [vector, ..] = code.to_le_bytes();
                State::TakenOut(Fault::from_vector(vector.into()))
            }
        }
    }

    /// What was asked of it last.
    pub(crate) fn asked(&self) -> Asked {
        Asked::decode(self.asked.load(Relaxed))
    }

    /// RMPOPT_BASE as last read. `None` while nobody has looked.
    pub(crate) fn read(&self) -> Option<RmpoptBase> {
        Some(RmpoptBase(self.read.load(Relaxed))).filter(|read| read.0 != NOT_READ)
    }

    /// Whether RMPOPT_EN was set when last read.
    pub(crate) fn is_on(&self) -> bool {
        self.read().is_some_and(RmpoptBase::enabled)
    }

    /// Whose RMPOPT_BASE is.
    pub(crate) fn owner(&self) -> Owner {
        if self.native.load(Relaxed) {
            Owner::Kernel
        } else {
            Owner::Module
        }
    }

    /// Sets whose RMPOPT_BASE is.
    pub(crate) fn set_owner(&self, owner: Owner) {
        self.change(|| self.native.store(owner == Owner::Kernel, Relaxed));
    }

    /// What RMPOPT_BASE becomes when we let go of it: off, or what the kernel had set.
    pub(crate) fn rest(&self) -> RmpoptBase {
        RmpoptBase(self.rest.load(Relaxed))
    }

    /// Sets what RMPOPT_BASE becomes when we let go of it.
    pub(crate) fn set_rest(&self, rest: RmpoptBase) {
        self.rest.store(rest.0, Relaxed);
    }

    /// Something was asked of it, and this was read afterwards.
    pub(crate) fn note(&self, asked: Asked, read: RmpoptBase) {
        self.change(|| {
            self.asked.store(asked.encode(), Relaxed);
            self.read.store(read.0, Relaxed);
        });
        if !self.state().works() {
            self.set_served(false);
        }
    }

    /// The processor has refused to open a window from this region on, and is not asked again; `None`:
    /// nothing counts as refused.
    pub(crate) fn set_refused(&self, first: Option<Region>) {
        let gib = first.map_or(NO_WINDOW, Region::gib);
        self.change(|| self.refused.store(gib, Relaxed));
    }

    /// Whether the processor has refused to open a window from this region on.
    pub(crate) fn refused(&self, first: Region) -> bool {
        self.refused.load(Relaxed) == first.gib()
    }

    /// Takes it out after a fault; returns the state before.
    pub(crate) fn take_out(&self, fault: Fault) -> State {
        let before = self.state();
        self.set_served(false);
        self.set_known(false);
        self.fault.store(FAULT | u32::from(fault.vector()), Relaxed);
        before
    }

    /// A fault that it was taken out for counts no longer.
    pub(crate) fn mend(&self) {
        self.fault.store(0, Relaxed);
    }

    /// Whether [`Core::table`] says what the core has.
    pub(crate) fn known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Sets what [`Core::known`] tells.
    pub(crate) fn set_known(&self, known: bool) {
        self.known.store(known, Relaxed);
    }

    /// Makes a change; where it gives the core another window, the table begins anew.
    fn change(&self, change: impl FnOnce()) {
        let before = self.window();
        change();
        if self.window() != before {
            self.table().wipe();
            self.set_known(false);
            self.set_served(false);
        }
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

    /// Forgets a fault and what was refused, so that the core is tried again.
    pub(crate) fn forgive(&self) {
        self.settle();
        self.set_refused(None);
        if let State::TakenOut(_) = self.state() {
            self.mend();
            self.note(Asked::Nothing, self.read().unwrap_or_default());
        }
    }

    /// RMPOPT_BASE is off, so the core has nothing.
    pub(crate) fn set_off(&self) {
        self.mend();
        self.note(Asked::Nothing, RmpoptBase::OFF);
        self.table().wipe();
        self.set_known(false);
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
    pub(crate) fn wanted(&self) -> Option<Window> {
        Some(Window {
            first: Region::new(self.first.load(Relaxed))?,
            span: self.span.load(Relaxed),
        })
    }

    /// The window that the core has, or gets before its next RMPOPT.
    pub(crate) fn window(&self) -> Option<Window> {
        let refused = Region::new(self.refused.load(Relaxed));
        let span = self.span.load(Relaxed);
        window_of(self.wanted(), self.read(), refused, self.owner(), span)
    }

    /// Sets the window that the core shall have. No pass may be under way.
    pub(crate) fn set_window(&self, window: Option<Window>) {
        if window == self.wanted() {
            return;
        }
        self.change(|| {
            let (first, span) = window.map_or((NO_WINDOW, 0), |w| (w.first.gib(), w.span));
            self.span.store(span, Relaxed);
            self.first.store(first, Relaxed);
        });
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
