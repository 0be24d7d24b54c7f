// SPDX-License-Identifier: GPL-2.0

//! A core: one RMPOPT table, shared by its threads.

use super::{
    state::{
        window_of,
        Asked,
        CoreState,
        Owner, //
    },
    window::{
        Window,
        SPAN, //
    }, //
};
use crate::{
    engine::{
        bitmap::{
            words,
            Bits, //
        },
        stats::CoreTally, //
    },
    sev::{
        addr::Region,
        fault::Fault,
        msr::RmpoptBase, //
    },
    sys::shared::Shared, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The value of [`Core::first`] without a window.
const NO_WINDOW: u32 = u32::MAX;
/// The value of [`Core::read`] before RMPOPT_BASE was read: reserved bits are set.
const NOT_READ: u64 = u64::MAX;

/// A core, as long as the module is loaded. All of it may be used from any CPU at any time.
pub(crate) struct Core {
    id: u32,
    /// What was asked for last.
    asked: Shared<Asked>,
    /// RMPOPT_BASE as last read.
    read: Atomic<u64>,
    /// The first region of the window that the processor has refused, or [`NO_WINDOW`].
    refused: Atomic<u32>,
    /// Whether and how an access faulted.
    fault: Shared<Option<Fault>>,
    /// RMPOPT_BASE is the kernel's.
    native: Atomic<bool>,
    /// What RMPOPT_BASE becomes when the module lets go of it.
    rest: Atomic<u64>,
    node: Atomic<u32>,
    first: Atomic<u32>,
    span: Atomic<u32>,
    clearings: Atomic<u32>,
    /// Its last thread is going offline or has gone.
    leaving: Atomic<bool>,
    /// It has had everything that it can have since it was switched on, its window moved, or SNP was
    /// initialised.
    complete: Atomic<bool>,
    /// `table` says what the core has. It does not where the core was on before anybody asked it.
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
    /// A core of which nothing is known yet but the number, as [`crate::sys::cpu::Cpu::core_id`].
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(id: u32) -> Result<Self> {
        let table: Table = [const { Atomic::new(0) }; words(SPAN as usize)];
        Ok(Self {
            id,
            asked: Shared::new(Asked::Nothing),
            read: Atomic::new(NOT_READ),
            refused: Atomic::new(NO_WINDOW),
            fault: Shared::new(None),
            native: Atomic::new(false),
            rest: Atomic::new(RmpoptBase::OFF.0),
            node: Atomic::new(0),
            first: Atomic::new(NO_WINDOW),
            span: Atomic::new(0),
            clearings: Atomic::new(0),
            leaving: Atomic::new(false),
            complete: Atomic::new(false),
            known: Atomic::new(false),
            attempted: Atomic::new(0),
            won: Atomic::new(0),
            // Allocated apart: both fit into a slab of their size then.
            table: KBox::new(table, GFP_KERNEL)?,
        })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The core's NUMA node.
    pub(crate) fn node(&self) -> u32 {
        self.node.load(Relaxed)
    }

    /// Sets the core's NUMA node.
    pub(crate) fn set_node(&self, node: u32) {
        self.node.store(node, Relaxed);
    }

    /// Whether its last thread is going offline or has gone: nothing may switch the core on.
    pub(crate) fn leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Its last thread goes offline (`true`), or one has come online.
    pub(crate) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Relaxed);
    }
}

/// RMPOPT_BASE.
impl Core {
    /// The core's state, by RMPOPT_BASE as last read.
    pub(crate) fn state(&self) -> CoreState {
        self.state_at(self.read().unwrap_or_default())
    }

    /// The core's state where RMPOPT_BASE reads so.
    pub(crate) fn state_at(&self, read: RmpoptBase) -> CoreState {
        match self.fault.get() {
            None => CoreState::of(self.asked(), read, self.owner()),
            Some(fault) => CoreState::TakenOut(fault),
        }
    }

    /// What was asked of it last.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.get()
    }

    /// RMPOPT_BASE as last read. `None` before it was read.
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

    /// What RMPOPT_BASE becomes when the module lets go of it: off, or what the kernel had set.
    pub(crate) fn rest(&self) -> RmpoptBase {
        RmpoptBase(self.rest.load(Relaxed))
    }

    /// Sets what RMPOPT_BASE becomes when the module lets go of it.
    pub(crate) fn set_rest(&self, rest: RmpoptBase) {
        self.rest.store(rest.0, Relaxed);
    }

    /// Records what was asked of the core, and what was read afterwards.
    pub(crate) fn record(&self, asked: Asked, read: RmpoptBase) {
        self.change(|| {
            self.asked.set(asked);
            self.read.store(read.0, Relaxed);
        });
        if !self.state().works() {
            self.set_complete(false);
        }
    }

    /// Records that RMPOPT_BASE is off, so that the core has nothing.
    pub(crate) fn record_off(&self) {
        self.clear_fault();
        self.record(Asked::Nothing, RmpoptBase::OFF);
        self.forget_all();
    }

    /// Records that RMPOPT_BASE was cleared by somebody else while the core was at work.
    pub(crate) fn record_cleared(&self) {
        self.record_off();
        self.clearings.fetch_add(1, Relaxed);
    }

    /// How often RMPOPT_BASE was cleared at work since the last [`Core::record_success`].
    pub(crate) fn clearings(&self) -> u32 {
        self.clearings.load(Relaxed)
    }

    /// Records that the core has done its part.
    pub(crate) fn record_success(&self) {
        if self.clearings.load(Relaxed) != 0 {
            self.clearings.store(0, Relaxed);
        }
    }

    /// Takes the core out after a fault; returns the state before.
    pub(crate) fn take_out(&self, fault: Fault) -> CoreState {
        let before = self.state();
        self.set_complete(false);
        self.set_known(false);
        self.fault.set(Some(fault));
        before
    }

    /// The fault for which the core was taken out counts no longer.
    pub(crate) fn clear_fault(&self) {
        self.fault.set(None);
    }

    /// Forgets a fault and what the processor has refused, so that the core is tried again.
    pub(crate) fn reset(&self) {
        self.record_success();
        self.set_refused(None);
        if let CoreState::TakenOut(_) = self.state() {
            self.clear_fault();
            self.record(Asked::Nothing, self.read().unwrap_or_default());
        }
    }
}

/// The window.
impl Core {
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

    /// Makes a change. Where it gives the core another window, nothing is known of what the core has.
    fn change(&self, change: impl FnOnce()) {
        let before = self.window();
        change();
        if self.window() != before {
            self.forget_all();
            self.set_complete(false);
        }
    }
}

/// What the core has.
impl Core {
    /// The place of a region in the core's table. `None` outside of the window.
    pub(crate) fn offset(&self, region: Region) -> Option<usize> {
        Some(self.window()?.offset(region)? as usize)
    }

    /// What the core is known to have optimised, by place in the window.
    pub(crate) fn table(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&*self.table)
    }

    /// Whether the core is known to have a region optimised.
    pub(crate) fn has(&self, region: Region) -> bool {
        self.offset(region)
            .is_some_and(|offset| self.table().test(offset))
    }

    /// The core is no longer known to have a region optimised.
    pub(crate) fn forget(&self, region: Region) {
        if let Some(offset) = self.offset(region) {
            self.table().clear(offset);
        }
    }

    /// Nothing is known of what the core has.
    pub(crate) fn forget_all(&self) {
        self.table().wipe();
        self.set_known(false);
    }

    /// The core has nothing: it was off until now, or its window has just moved.
    pub(crate) fn begin_empty(&self) {
        self.table().wipe();
        self.set_known(true);
    }

    /// Whether [`Core::table`] says what the core has.
    pub(crate) fn known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Sets what [`Core::known`] tells.
    pub(crate) fn set_known(&self, known: bool) {
        self.known.store(known, Relaxed);
    }

    /// Whether the core has had everything that it can have since it was switched on, its window moved,
    /// or SNP was initialised.
    pub(crate) fn complete(&self) -> bool {
        self.complete.load(Relaxed)
    }

    /// Sets what [`Core::complete`] tells.
    pub(crate) fn set_complete(&self, complete: bool) {
        self.complete.store(complete, Relaxed);
    }

    /// What the core did in the last pass.
    pub(crate) fn last(&self) -> CoreTally {
        CoreTally {
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
    pub(crate) fn add_last(&self, tally: CoreTally) {
        let last = self.last();
        self.attempted
            .store(last.attempted.saturating_add(tally.attempted), Relaxed);
        self.won.store(last.won.saturating_add(tally.won), Relaxed);
    }
}
