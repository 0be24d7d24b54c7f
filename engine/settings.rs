// SPDX-License-Identifier: GPL-2.0

//! What an administrator can adjust. Each takes effect with the next pass, which a change orders.

use super::window::Policy;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// What is done with cores under `isolcpus=` or `nohz_full=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Isolated {
    /// The same as with all others.
    #[default]
    Include,
    /// They take part in one pass after they were switched on, and are left alone then.
    Once,
    /// They are left out, and never have RMPOPT enabled.
    Skip,
}

impl Isolated {
    /// All values.
    pub(crate) const ALL: [Self; 3] = [Self::Include, Self::Once, Self::Skip];

    /// The name in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Include => "include",
            Self::Once => "once",
            Self::Skip => "skip",
        }
    }
}

/// The adjustable values. May be read and written in any context.
pub(crate) struct Settings {
    policy: Atomic<u32>,
    isolated: Atomic<u32>,
    slice_us: Atomic<u32>,
}

impl Settings {
    /// The largest slice, in microseconds.
    pub(crate) const SLICE_MAX: u32 = 10_000;

    /// The defaults.
    pub(crate) fn new() -> Self {
        Self {
            policy: Atomic::new(0),
            isolated: Atomic::new(0),
            slice_us: Atomic::new(50),
        }
    }

    /// Where windows lie.
    pub(crate) fn policy(&self) -> Policy {
        pick(&Policy::ALL, self.policy.load(Relaxed))
    }

    /// Sets where windows lie.
    pub(crate) fn set_policy(&self, policy: Policy) {
        self.policy.store(index(&Policy::ALL, policy), Relaxed);
    }

    /// What is done with isolated cores.
    pub(crate) fn isolated(&self) -> Isolated {
        pick(&Isolated::ALL, self.isolated.load(Relaxed))
    }

    /// Sets what is done with isolated cores.
    pub(crate) fn set_isolated(&self, isolated: Isolated) {
        self.isolated
            .store(index(&Isolated::ALL, isolated), Relaxed);
    }

    /// Microseconds of RMPOPT after which a core reschedules; 0: after each one.
    pub(crate) fn slice_us(&self) -> u32 {
        self.slice_us.load(Relaxed)
    }

    /// Sets the slice, at most [`Settings::SLICE_MAX`] microseconds.
    pub(crate) fn set_slice_us(&self, slice: u32) {
        self.slice_us.store(slice.min(Self::SLICE_MAX), Relaxed);
    }
}

fn pick<T: Copy + Default>(all: &[T], code: u32) -> T {
    all.get(code as usize).copied().unwrap_or_default()
}

fn index<T: PartialEq>(all: &[T], value: T) -> u32 {
    (0u32..)
        .zip(all)
        .find_map(|(i, v)| (*v == value).then_some(i))
        .unwrap_or(0)
}
