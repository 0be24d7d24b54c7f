// SPDX-License-Identifier: GPL-2.0

//! What a pass is asked to do, and by whom.

use super::progress::Progress;
use crate::engine::{
    host::state::Owner,
    settings::{
        Isolated,
        Settings, //
    },
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// How much a pass shall do. Ordered: the larger one includes the smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attempt {
    /// Nothing.
    #[default]
    None,
    /// What is known to be free, on the cores that do not have it yet.
    Fill,
    /// The dirty regions, and what [`Attempt::Fill`] does.
    Dirty,
    /// All of RAM on all cores.
    All,
}

/// What cores at work have to tell. Called in thread context, with preemption on or off: nothing in there
/// may sleep.
pub(crate) trait Events: Sync {
    /// A core's RMPOPT_BASE was cleared by somebody else, or SNP is off.
    fn core_cleared(&self);

    /// Another thread has to represent a core: CPUs came or went, or isolation has changed.
    fn host_changed(&self);
}

/// The circumstances under which cores work, as plain values and as what may change meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    /// The work shall end early.
    pub(crate) abort: &'a Atomic<bool>,
    /// For the length of a slice, which takes effect at once.
    pub(crate) settings: &'a Settings,
    /// What is done with isolated cores in this pass.
    pub(crate) isolated: Isolated,
    /// Whose RMPOPT_BASE is.
    pub(crate) owner: Owner,
    /// The kernel has RMPOPT of its own: what is taken over is given back in the end.
    pub(crate) native: bool,
    /// How far the pass is.
    pub(crate) progress: &'a Progress,
    /// Who learns of events.
    pub(crate) events: &'a dyn Events,
}

impl Order<'_> {
    /// Whether the work shall end early.
    pub(crate) fn aborting(&self) -> bool {
        self.abort.load(Relaxed)
    }

    /// How many seconds in a row a core's thread may be kept from running before the core is left out:
    /// fewer where somebody waits for the end.
    pub(super) fn patience(&self) -> u32 {
        if self.aborting() {
            1
        } else {
            10
        }
    }
}
