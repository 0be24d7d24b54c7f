// SPDX-License-Identifier: GPL-2.0

//! What an administrator can adjust. A change of the window policy or of the handling of isolated cores orders
//! a pass and takes effect with it. Every other change takes effect at once, also in a pass that is under way.

use super::{
    dirty::trigger::Timing,
    host::window::Policy, //
};
use crate::{
    sev::assess::Native,
    sys::{
        codec::coded,
        shared::Shared, //
    }, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

coded! {
    /// What is done with isolated cores: see [`crate::sys::cpu::Cpu::isolated`].
    #[derive(Default)]
    pub(crate) enum Isolated {
        /// Isolated cores are treated like all other cores.
        Include = "include",
        /// Isolated cores take part in one pass after RMPOPT was enabled on them, and in none after that.
        #[default]
        Once = "once",
        /// Isolated cores are left out: RMPOPT is never enabled on them, and no status asks them for their state.
        Skip = "skip",
    }
}

/// The adjustable values. May be read and written in any context.
pub(crate) struct Settings {
    policy: Shared<Policy>,
    native: Shared<Native>,
    isolated: Shared<Isolated>,
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

    /// The default values, except that `isolated` says what is done with isolated cores.
    pub(crate) fn new(isolated: Isolated) -> Self {
        Self {
            policy: Shared::new(Policy::default()),
            native: Shared::new(Native::default()),
            isolated: Shared::new(isolated),
            slice_us: Atomic::new(50),
            auto: Atomic::new(true),
            delay_ms: Atomic::new(Timing::DEFAULT.delay),
            max_delay_ms: Atomic::new(Timing::DEFAULT.max_delay),
            full_check_s: Atomic::new(600),
        }
    }

    /// The policy that places windows.
    pub(crate) fn policy(&self) -> Policy {
        self.policy.get()
    }

    /// Sets the policy that places windows.
    pub(crate) fn set_policy(&self, policy: Policy) {
        self.policy.set(policy);
    }

    /// What is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn native(&self) -> Native {
        self.native.get()
    }

    /// Sets what is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn set_native(&self, native: Native) {
        self.native.set(native);
    }

    /// What is done with isolated cores.
    pub(crate) fn isolated(&self) -> Isolated {
        self.isolated.get()
    }

    /// Sets what is done with isolated cores.
    pub(crate) fn set_isolated(&self, isolated: Isolated) {
        self.isolated.set(isolated);
    }

    /// Microseconds of RMPOPT after which a core reschedules; 0: after each instruction.
    pub(crate) fn slice_us(&self) -> u32 {
        self.slice_us.load(Relaxed)
    }

    /// Sets the slice, at most [`Settings::SLICE_MAX`] microseconds.
    pub(crate) fn set_slice_us(&self, slice: u32) {
        self.slice_us.store(slice.min(Self::SLICE_MAX), Relaxed);
    }

    /// Whether the thread starts passes and checks without a request.
    pub(crate) fn auto(&self) -> bool {
        self.auto.load(Relaxed)
    }

    /// Sets whether the thread starts passes and checks without a request.
    pub(crate) fn set_auto(&self, auto: bool) {
        self.auto.store(auto, Relaxed);
    }

    /// How long regions wait for a pass after guests gave them back.
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
