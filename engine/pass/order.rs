// SPDX-License-Identifier: GPL-2.0

//! What a pass is to do, and the settings and callbacks that apply to it.

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

/// Which regions a pass attempts. Ordered: a larger value includes all smaller ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attempt {
    /// No regions.
    #[default]
    None,
    /// The open regions, and the free regions on the cores that do not have them yet.
    Fill,
    /// The dirty regions, and those of [`Attempt::Fill`].
    Dirty,
    /// All regions on all cores.
    All,
}

/// The callbacks by which cores at work report events. They are called in thread context, with preemption on or
/// off: an implementation must not sleep.
pub(crate) trait Events: Sync {
    /// A core found its RMPOPT_BASE cleared by somebody else, or SNP off.
    fn core_cleared(&self);

    /// A core may need another representative: CPUs were added or removed, or isolation has changed.
    fn host_changed(&self);
}

/// The settings and callbacks that apply to the work of cores. Values that may change during the work are behind
/// references.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    /// The work must end early.
    pub(crate) abort: &'a Atomic<bool>,
    /// The settings, from which cores read the length of a slice at each yield point.
    pub(crate) settings: &'a Settings,
    /// What is done with isolated cores in this pass.
    pub(crate) isolated: Isolated,
    /// Who owns RMPOPT_BASE.
    pub(crate) owner: Owner,
    /// The kernel has RMPOPT of its own: the module gives RMPOPT_BASE back to it in the end.
    pub(crate) native: bool,
    /// The progress of the pass, which cores update.
    pub(crate) progress: &'a Progress,
    /// The receiver of events.
    pub(crate) events: &'a dyn Events,
}

impl Order<'_> {
    /// Whether the work must end early.
    pub(crate) fn aborting(&self) -> bool {
        self.abort.load(Relaxed)
    }

    /// The number of seconds for which other tasks may keep a core's thread from running before the core is left
    /// out. It is smaller while somebody waits for the end of the work.
    pub(super) fn patience(&self) -> u32 {
        if self.aborting() {
            1
        } else {
            10
        }
    }
}
