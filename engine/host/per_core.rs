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

/// What the module knows of a core, from the core's first survey until the module is unloaded. All methods may be
/// called from any CPU at any time.
pub(crate) struct Core {
    id: u32,
    /// What was asked of the core last.
    asked: Shared<Asked>,
    /// RMPOPT_BASE as last read.
    read: Atomic<u64>,
    /// The first region of the window that the processor has refused, or [`NO_WINDOW`].
    refused: Atomic<u32>,
    /// The fault of the access for which the core was taken out.
    fault: Shared<Option<Fault>>,
    /// The kernel owns RMPOPT_BASE.
    native: Atomic<bool>,
    /// The value that the module writes to RMPOPT_BASE when it switches the core off.
    rest: Atomic<u64>,
    node: Atomic<u32>,
    first: Atomic<u32>,
    span: Atomic<u32>,
    clearings: Atomic<u32>,
    /// The core's last thread is going offline or is offline.
    leaving: Atomic<bool>,
    /// The core has completed a pass since it was switched on, its window moved, or SNP was initialised.
    complete: Atomic<bool>,
    /// `table` is valid. It is not where the core was on before the module asked it for its regions.
    known: Atomic<bool>,
    attempted: Atomic<u32>,
    won: Atomic<u32>,
    /// The regions that the core is known to have optimised, by place in the window. A hint: only the core's own
    /// answer is certain.
    table: KBox<Table>,
}

/// One bit for each region of a window.
type Table = [Atomic<u64>; words(SPAN as usize)];

impl Core {
    /// A core of which only the number `id` is known, which is [`crate::sys::cpu::Cpu::core_id`].
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
            // Allocated apart from the core, so that each of the two fits into a slab of its size.
            table: KBox::new(table, GFP_KERNEL)?,
        })
    }

    /// The core's number.
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

    /// Whether the core's last thread is going offline or is offline: then nobody may switch RMPOPT on.
    pub(crate) fn leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Records that the core's last thread goes offline (`true`), or that a thread has come online (`false`).
    pub(crate) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Relaxed);
    }
}

/// RMPOPT_BASE.
impl Core {
    /// The core's state with RMPOPT_BASE as last read.
    pub(crate) fn state(&self) -> CoreState {
        self.state_at(self.read().unwrap_or_default())
    }

    /// The core's state if RMPOPT_BASE has the value `read`.
    pub(crate) fn state_at(&self, read: RmpoptBase) -> CoreState {
        match self.fault.get() {
            None => CoreState::of(self.asked(), read, self.owner()),
            Some(fault) => CoreState::TakenOut(fault),
        }
    }

    /// What was asked of the core last.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.get()
    }

    /// RMPOPT_BASE as last read. `None` before the first read.
    pub(crate) fn read(&self) -> Option<RmpoptBase> {
        Some(RmpoptBase(self.read.load(Relaxed))).filter(|read| read.0 != NOT_READ)
    }

    /// Whether RMPOPT_EN was set when RMPOPT_BASE was last read.
    pub(crate) fn is_on(&self) -> bool {
        self.read().is_some_and(RmpoptBase::enabled)
    }

    /// Who owns RMPOPT_BASE.
    pub(crate) fn owner(&self) -> Owner {
        if self.native.load(Relaxed) {
            Owner::Kernel
        } else {
            Owner::Module
        }
    }

    /// Sets who owns RMPOPT_BASE.
    pub(crate) fn set_owner(&self, owner: Owner) {
        self.change(|| self.native.store(owner == Owner::Kernel, Relaxed));
    }

    /// The value that the module writes to RMPOPT_BASE when it switches the core off: off, or the value that the
    /// kernel had set.
    pub(crate) fn rest(&self) -> RmpoptBase {
        RmpoptBase(self.rest.load(Relaxed))
    }

    /// Sets the value of [`Core::rest`].
    pub(crate) fn set_rest(&self, rest: RmpoptBase) {
        self.rest.store(rest.0, Relaxed);
    }

    /// Records what was asked of the core, and the value of RMPOPT_BASE that was read afterwards.
    pub(crate) fn record(&self, asked: Asked, read: RmpoptBase) {
        self.change(|| {
            self.asked.set(asked);
            self.read.store(read.0, Relaxed);
        });
        if !self.state().works() {
            self.set_complete(false);
        }
    }

    /// Records that RMPOPT_BASE is off, so that the core has no region optimised.
    pub(crate) fn record_off(&self) {
        self.clear_fault();
        self.record(Asked::Nothing, RmpoptBase::OFF);
        self.forget_all();
    }

    /// Records that somebody else cleared RMPOPT_BASE while the core was at work.
    pub(crate) fn record_cleared(&self) {
        self.record_off();
        self.clearings.fetch_add(1, Relaxed);
    }

    /// The number of calls of [`Core::record_cleared`] since the last [`Core::record_success`].
    pub(crate) fn clearings(&self) -> u32 {
        self.clearings.load(Relaxed)
    }

    /// Records that the core has finished its work.
    pub(crate) fn record_success(&self) {
        if self.clearings.load(Relaxed) != 0 {
            self.clearings.store(0, Relaxed);
        }
    }

    /// Takes the core out after a fault; returns the previous state.
    pub(crate) fn take_out(&self, fault: Fault) -> CoreState {
        let before = self.state();
        self.set_complete(false);
        self.set_known(false);
        self.fault.set(Some(fault));
        before
    }

    /// Forgets the fault for which the core was taken out.
    pub(crate) fn clear_fault(&self) {
        self.fault.set(None);
    }

    /// Forgets the fault and the refused window, so that passes try the core again.
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
    /// The window that the core is to have.
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

    /// Sets the window that the core is to have. No pass may be under way.
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

    /// Records that the processor has refused to open a window at the region `first`, so that it is not asked
    /// again. `None`: no window counts as refused.
    pub(crate) fn set_refused(&self, first: Option<Region>) {
        let gib = first.map_or(NO_WINDOW, Region::gib);
        self.change(|| self.refused.store(gib, Relaxed));
    }

    /// Whether the processor has refused to open a window at the region `first`.
    pub(crate) fn refused(&self, first: Region) -> bool {
        self.refused.load(Relaxed) == first.gib()
    }

    /// Calls `change`. Where that changes the core's window, forgets what the core had optimised.
    fn change(&self, change: impl FnOnce()) {
        let before = self.window();
        change();
        if self.window() != before {
            self.forget_all();
            self.set_complete(false);
        }
    }
}

/// The core's table.
impl Core {
    /// The place of a region in the core's table. `None` for a region outside the window.
    pub(crate) fn offset(&self, region: Region) -> Option<usize> {
        Some(self.window()?.offset(region)? as usize)
    }

    /// The regions that the core is known to have optimised, by place in the window.
    pub(crate) fn table(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&*self.table)
    }

    /// Whether the core is known to have a region optimised.
    pub(crate) fn has(&self, region: Region) -> bool {
        self.offset(region)
            .is_some_and(|offset| self.table().test(offset))
    }

    /// Records that the core is no longer known to have a region optimised.
    pub(crate) fn forget(&self, region: Region) {
        if let Some(offset) = self.offset(region) {
            self.table().clear(offset);
        }
    }

    /// Records that nothing is known of the regions that the core has optimised.
    pub(crate) fn forget_all(&self) {
        self.table().wipe();
        self.set_known(false);
    }

    /// Records that the core has no region optimised: it was off until now, or its window has just moved.
    pub(crate) fn begin_empty(&self) {
        self.table().wipe();
        self.set_known(true);
    }

    /// Whether [`Core::table`] is valid.
    pub(crate) fn known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Sets the value of [`Core::known`].
    pub(crate) fn set_known(&self, known: bool) {
        self.known.store(known, Relaxed);
    }

    /// Whether the core has completed a pass since it was switched on, its window moved, or SNP was initialised.
    pub(crate) fn complete(&self) -> bool {
        self.complete.load(Relaxed)
    }

    /// Sets the value of [`Core::complete`].
    pub(crate) fn set_complete(&self, complete: bool) {
        self.complete.store(complete, Relaxed);
    }

    /// The core's attempts in the last pass, and how many of them won.
    pub(crate) fn last(&self) -> CoreTally {
        CoreTally {
            attempted: self.attempted.load(Relaxed),
            won: self.won.load(Relaxed),
        }
    }

    /// Resets [`Core::last`] for a new pass.
    pub(crate) fn reset_last(&self) {
        self.attempted.store(0, Relaxed);
        self.won.store(0, Relaxed);
    }

    /// Adds the core's attempts in a round to [`Core::last`]. Only the core's own work calls this, so no two calls
    /// for one core run at the same time.
    pub(crate) fn add_last(&self, tally: CoreTally) {
        let last = self.last();
        self.attempted
            .store(last.attempted.saturating_add(tally.attempted), Relaxed);
        self.won.store(last.won.saturating_add(tally.won), Relaxed);
    }
}
