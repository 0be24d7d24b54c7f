// SPDX-License-Identifier: GPL-2.0

//! What an administrator can adjust. Where windows lie and what is done with isolated cores takes
//! effect with a pass that the change orders, all else at once, also in a pass that is under way.

use super::{
    dirty::trigger::Timing,
    host::window::Policy, //
};
use crate::sev::assess::Native;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// What is done with isolated cores: see [`crate::sys::cpu::Cpu::isolated`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Isolated {
    /// The same as with all others.
    Include,
    /// They take part in one pass after they were switched on, and are left alone then.
    #[default]
    Once,
    /// They are left out: RMPOPT is never enabled on them, and they are not asked for their state either.
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
    native: Atomic<u32>,
    isolated: Atomic<u32>,
    slice_us: Atomic<u32>,
    auto: Atomic<bool>,
    delay_ms: Atomic<u32>,
    max_delay_ms: Atomic<u32>,
    full_check_s: Atomic<u32>,
}

impl Settings {
    /// The largest slice, in microseconds.
    pub(crate) const SLICE_MAX: u32 = 10_000;

    /// The longest interval of the full check, in seconds: a week.
    pub(crate) const CHECK_MAX: u32 = 7 * 24 * 3600;

    /// The defaults, but for what is done with isolated cores from the beginning.
    pub(crate) fn new(isolated: Isolated) -> Self {
        Self {
            policy: Atomic::new(0),
            native: Atomic::new(0),
            isolated: Atomic::new(index(&Isolated::ALL, isolated)),
            slice_us: Atomic::new(50),
            auto: Atomic::new(true),
            delay_ms: Atomic::new(Timing::DEFAULT.delay),
            max_delay_ms: Atomic::new(Timing::DEFAULT.max_delay),
            full_check_s: Atomic::new(600),
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

    /// What is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn native(&self) -> Native {
        pick(&Native::ALL, self.native.load(Relaxed))
    }

    /// Sets what is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn set_native(&self, native: Native) {
        self.native.store(index(&Native::ALL, native), Relaxed);
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

    /// Whether passes begin by themselves when guests give memory back, and checks.
    pub(crate) fn auto(&self) -> bool {
        self.auto.load(Relaxed)
    }

    /// Sets whether passes begin by themselves.
    pub(crate) fn set_auto(&self, auto: bool) {
        self.auto.store(auto, Relaxed);
    }

    /// How long regions wait for a pass after they were given back.
    pub(crate) fn timing(&self) -> Timing {
        Timing {
            delay: self.delay_ms.load(Relaxed),
            max_delay: self.max_delay_ms.load(Relaxed),
        }
    }

    /// Sets the delay, at most [`Timing::LONGEST`].
    pub(crate) fn set_delay(&self, ms: u32) {
        self.delay_ms.store(ms.min(Timing::LONGEST), Relaxed);
    }

    /// Sets the longest delay, at most [`Timing::LONGEST`].
    pub(crate) fn set_max_delay(&self, ms: u32) {
        self.max_delay_ms.store(ms.min(Timing::LONGEST), Relaxed);
    }

    /// Seconds between two full checks; 0: none.
    pub(crate) fn full_check_s(&self) -> u32 {
        self.full_check_s.load(Relaxed)
    }

    /// Sets the seconds between two full checks, at most [`Settings::CHECK_MAX`].
    pub(crate) fn set_full_check_s(&self, seconds: u32) {
        self.full_check_s
            .store(seconds.min(Self::CHECK_MAX), Relaxed);
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
