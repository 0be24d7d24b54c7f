// SPDX-License-Identifier: GPL-2.0

//! Requests to the thread, and what it says it is doing.

use super::stats::Reason;
use crate::sys::{
    compat,
    kthread::{
        self,
        Kick, //
    },
};
use kernel::{
    new_condvar, new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        CondVar,
        Mutex, //
    },
    time::{
        Delta,
        Instant,
        Monotonic,
        Msecs, //
    },
};

/// How much a pass shall do. Ordered: the larger one includes the smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attempt {
    /// Nothing.
    #[default]
    None,
    /// What is known to be free, on the cores that do not have it yet.
    Fill,
    /// The regions that are marked as changed, and what [`Attempt::Fill`] does.
    Changed,
    /// All of RAM on all cores.
    All,
}

/// What the thread found when it woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The administrator's switch.
    pub(crate) enabled: bool,
    /// The switch was thrown to 1 since the last orders.
    pub(crate) switched_on: bool,
    /// CPUs or memory came or went, or a setting changed.
    pub(crate) survey: bool,
    /// What to attempt.
    pub(crate) attempt: Attempt,
    /// Why.
    pub(crate) reason: Reason,
    /// The module is being unloaded.
    pub(crate) stop: bool,
    /// Cores have lost RMPOPT_BASE, so many times: SNP may have gone off, or was initialised again.
    pub(crate) losses: u32,
    version: u64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            enabled: false,
            switched_on: false,
            survey: false,
            attempt: Attempt::None,
            reason: Reason::Start,
            stop: false,
            losses: 0,
            version: 0,
        }
    }
}

impl Orders {
    /// Adds an attempt. The larger one gives the reason.
    fn want(&mut self, attempt: Attempt, reason: Reason) {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.reason = reason;
        }
    }

    /// Adds what is still to be done from earlier orders. An attempt that was ordered before RMPOPT was
    /// switched off is void.
    pub(crate) fn with(mut self, earlier: Self) -> Self {
        self.survey |= earlier.survey;
        if self.enabled {
            self.switched_on |= earlier.switched_on;
            self.want(earlier.attempt, earlier.reason);
            self.losses = self.losses.saturating_add(earlier.losses);
        }
        self
    }

    /// To look at CPUs and memory again, and to attempt what comes out of that.
    pub(crate) fn survey_again() -> Self {
        Self {
            survey: true,
            attempt: Attempt::Fill,
            reason: Reason::Host,
            ..Self::default()
        }
    }

    /// Whether a pass follows, as far as that can be told.
    fn brings_pass(&self) -> bool {
        self.attempt != Attempt::None || self.losses != 0
    }
}

#[derive(Default)]
struct State {
    orders: Orders,
    applied: u64,
    busy: bool,
}

/// The mailbox between the files and the thread.
#[pin_data]
pub(crate) struct Control {
    #[pin]
    state: Mutex<State>,
    /// Wakes the thread: there are orders, or something may be due.
    kick: Kick,
    /// Losses since the last orders. Cores count them at work, where they must not wait for a lock.
    losses: Atomic<u32>,
    /// Writers of `enabled` wait here until the thread has carried it out.
    #[pin]
    done: CondVar,
    /// A pass that is under way ends early. Changed under the lock of `state`.
    abort: Atomic<bool>,
}

impl Control {
    /// With the switch in this position, and everything to be attempted.
    pub(crate) fn new(enabled: bool) -> impl PinInit<Self> {
        let orders = Orders {
            enabled,
            // CPUs and memory may have come and gone before anybody told about them.
            survey: true,
            attempt: if enabled { Attempt::All } else { Attempt::None },
            ..Orders::default()
        };
        pin_init!(Self {
            state <- new_mutex!(State {
                orders,
                ..State::default()
            }),
            kick: Kick::new(),
            losses: Atomic::new(0),
            done <- new_condvar!(),
            abort: Atomic::new(false),
        })
    }

    /// Whether a pass that is under way shall end early: switched off, or unloading.
    pub(crate) fn aborting(&self) -> bool {
        self.abort.load(Relaxed)
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        // Unlocked before the thread wakes up and wants the lock.
        change(&mut self.state.lock().orders);
        self.kick.kick();
    }

    /// The administrator's switch.
    pub(crate) fn enabled(&self) -> bool {
        self.state.lock().orders.enabled
    }

    /// Whether a pass is under way or ordered.
    pub(crate) fn busy(&self) -> bool {
        let state = self.state.lock();
        state.busy || state.orders.brings_pass() || self.losses.load(Relaxed) != 0
    }

    /// Throws the switch and waits until the thread has carried that out.
    ///
    /// # Errors
    ///
    /// EINTR where a signal ended the wait.
    pub(crate) fn set_enabled(&self, enabled: bool) -> Result {
        let mut state = self.state.lock();
        let orders = &mut state.orders;
        orders.enabled = enabled;
        orders.switched_on |= enabled;
        orders.attempt = if enabled { Attempt::All } else { Attempt::None };
        orders.reason = Reason::Start;
        orders.version = orders.version.wrapping_add(1);
        let version = orders.version;
        self.abort.store(!enabled || orders.stop, Relaxed);
        // As in `order`.
        drop(state);
        self.kick.kick();
        if enabled {
            return Ok(());
        }
        let mut state = self.state.lock();
        while !state.orders.stop && state.applied < version {
            if self.done.wait_interruptible(&mut state) {
                return Err(EINTR);
            }
        }
        Ok(())
    }

    /// Orders an attempt on all of RAM.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled.
    pub(crate) fn attempt_all(&self) -> Result {
        self.order_attempt(Attempt::All, Reason::Request)
    }

    /// Orders an attempt on the regions that are marked as changed.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled.
    pub(crate) fn attempt_changed(&self) -> Result {
        self.order_attempt(Attempt::Changed, Reason::Range)
    }

    fn order_attempt(&self, attempt: Attempt, reason: Reason) -> Result {
        let mut enabled = false;
        self.order(|orders| {
            enabled = orders.enabled;
            if enabled {
                orders.want(attempt, reason);
            }
        });
        enabled.then_some(()).ok_or(EPERM)
    }

    /// Makes the thread look what is due. In any context in which [`Kick::kick`] may be called.
    pub(crate) fn look(&self) {
        self.kick.kick();
    }

    /// A pass begins that nobody ordered. Until the next [`Control::next`].
    pub(crate) fn set_busy(&self) {
        self.state.lock().busy = true;
    }

    /// CPUs or memory came or went, or a setting changed.
    pub(crate) fn host_changed(&self) {
        self.order(|orders| {
            orders.survey = true;
            if orders.enabled {
                orders.want(Attempt::Fill, Reason::Host);
            }
        });
    }

    /// A core has lost RMPOPT_BASE. Takes no lock.
    pub(crate) fn core_lost(&self) {
        self.losses.fetch_add(1, Relaxed);
        self.kick.kick();
    }

    /// Waits for so long, or until the module is being unloaded or switched off.
    pub(crate) fn rest(&self, time: Delta) {
        let end = Instant::<Monotonic>::now() + time;
        while !self.aborting() {
            let left = compat::millis_ceil(end - Instant::now());
            let Ok(left @ 1..) = Msecs::try_from(left) else {
                break;
            };
            kthread::sleep_unless(&self.abort, Some(left));
        }
    }

    /// The module is being unloaded.
    pub(crate) fn stop(&self) {
        self.order(|orders| {
            orders.stop = true;
            self.abort.store(true, Relaxed);
        });
        self.done.notify_all();
    }

    /// The calling thread is the one that gets the orders.
    pub(crate) fn attach(&self) {
        self.kick.attach_current();
        // The first ones are there already.
        self.kick.kick();
    }

    /// Says that the orders of a [`Control::next`] are carried out, then waits for new ones, or until
    /// something may be due, at most `patience` milliseconds if that is given. There may be none when it
    /// returns. Only the thread calls this.
    pub(crate) fn next(&self, before: Option<Orders>, patience: Option<Msecs>) -> Orders {
        let mut state = self.state.lock();
        state.busy = false;
        if let Some(before) = before {
            state.applied = before.version;
            self.done.notify_all();
        }
        drop(state);
        self.kick.wait(patience);
        let mut state = self.state.lock();
        let mut orders = state.orders;
        orders.losses = self.losses.xchg(0, Full);
        state.orders = Orders {
            enabled: orders.enabled,
            stop: orders.stop,
            version: orders.version,
            ..Orders::default()
        };
        state.busy = orders.brings_pass();
        orders
    }
}
