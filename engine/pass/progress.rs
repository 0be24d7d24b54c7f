// SPDX-License-Identifier: GPL-2.0

//! The progress of a pass.

use crate::sys::{
    codec::coded,
    shared::Shared, //
};
use kernel::{
    fmt,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

coded! {
    /// The steps of a pass.
    pub(crate) enum Step {
        /// No pass is under way.
        Idle,
        /// Leaders verify regions.
        Verify,
        /// Followers fill their tables.
        Fill,
    }
}

/// The step and how far it is. Written by the thread and by the cores at work.
pub(crate) struct Progress {
    step: Shared<Step>,
    done: Atomic<u32>,
    total: Atomic<u32>,
}

impl Progress {
    /// No pass is under way.
    pub(crate) fn new() -> Self {
        Self {
            step: Shared::new(Step::Idle),
            done: Atomic::new(0),
            total: Atomic::new(0),
        }
    }

    /// Begins a step of `total` parts.
    pub(crate) fn begin(&self, step: Step, total: usize) {
        self.done.store(0, Relaxed);
        self.total
            .store(u32::try_from(total).unwrap_or(u32::MAX), Relaxed);
        self.step.set(step);
    }

    /// Records that one part of the step is done.
    pub(crate) fn advance(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    /// The progress to show, while `open` regions are still to be verified.
    pub(crate) fn at(&self, open: usize) -> impl fmt::Display {
        let total = self.total.load(Relaxed);
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        match self.step.get() {
            Step::Idle => At::Pending,
            Step::Verify => At::Verified(total.saturating_sub(open), total),
            Step::Fill => At::Filled(self.done.load(Relaxed), total),
        }
    }
}

/// The progress to show: `(done, total)`.
enum At {
    Pending,
    Verified(u32, u32),
    Filled(u32, u32),
}

/// Shown as `running: 3 of 12 regions verified`, or as `pending` where no pass runs yet.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Verified(done, total) => {
                write!(f, "running: {done} of {total} regions verified")
            }
            Self::Filled(done, total) => write!(f, "running: {done} of {total} cores filled"),
        }
    }
}
