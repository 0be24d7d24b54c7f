// SPDX-License-Identifier: GPL-2.0

//! Requests to the thread, and what it says it is doing.

use crate::{
    engine::{
        pass::order::Attempt,
        stats::Reason, //
    },
    sys::{
        compat,
        kthread::{
            self,
            Kick, //
        }, //
    }, //
};
use kernel::{
    new_condvar,
    new_mutex,
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
    }, //
};

/// What the thread is to do, as it finds it when it wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    /// The administrator's switch.
    pub(crate) enabled: bool,
    /// The switch was thrown to 1 since the last requests.
    pub(crate) switched_on: bool,
    /// CPUs or memory came or went, or a setting changed.
    pub(crate) survey: bool,
    /// What to attempt.
    pub(crate) attempt: Attempt,
    /// Why.
    pub(crate) reason: Reason,
    /// The module is being unloaded.
    pub(crate) stop: bool,
    /// Cores found RMPOPT_BASE cleared, so many times: SNP may have gone off, or was initialised again.
    pub(crate) cleared: u32,
    version: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            enabled: false,
            switched_on: false,
            survey: false,
            attempt: Attempt::None,
            reason: Reason::Start,
            stop: false,
            cleared: 0,
            version: 0,
        }
    }
}

impl Requests {
    /// Adds an attempt. The larger one gives the reason.
    fn want(&mut self, attempt: Attempt, reason: Reason) {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.reason = reason;
        }
    }

    /// Adds what is still to be done from earlier requests. An attempt that was ordered before RMPOPT was
    /// switched off is void.
    pub(crate) fn with(mut self, earlier: Self) -> Self {
        self.survey |= earlier.survey;
        if self.enabled {
            self.switched_on |= earlier.switched_on;
            self.want(earlier.attempt, earlier.reason);
            self.cleared = self.cleared.saturating_add(earlier.cleared);
        }
        self
    }

    /// Asks for another survey, and an attempt on what comes out of it.
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
        self.attempt != Attempt::None || self.cleared != 0
    }
}

#[derive(Default)]
struct Inbox {
    requests: Requests,
    applied: u64,
    busy: bool,
}

/// The mailbox between the files and the thread.
#[pin_data]
pub(crate) struct Mailbox {
    #[pin]
    state: Mutex<Inbox>,
    /// Wakes the thread: there are requests, or something may be due.
    kick: Kick,
    /// How often cores found RMPOPT_BASE cleared since the last requests. They count that at work, where they
    /// must not wait for a lock.
    cleared: Atomic<u32>,
    /// Writers of `enabled` wait here until the thread has carried it out.
    #[pin]
    done: CondVar,
    /// A pass that is under way ends early. Changed under the lock of `state`.
    abort: Atomic<bool>,
}

impl Mailbox {
    /// With the switch in this position, and everything to be attempted.
    pub(crate) fn new(enabled: bool) -> impl PinInit<Self> {
        let requests = Requests {
            enabled,
            // CPUs and memory may have come and gone before the callbacks were registered.
            survey: true,
            attempt: if enabled { Attempt::All } else { Attempt::None },
            ..Requests::default()
        };
        pin_init!(Self {
            state <- new_mutex!(Inbox {
                requests,
                ..Inbox::default()
            }),
            kick: Kick::new(),
            cleared: Atomic::new(0),
            done <- new_condvar!(),
            abort: Atomic::new(false),
        })
    }

    /// Whether a pass that is under way shall end early: switched off, or unloading.
    pub(crate) fn aborting(&self) -> bool {
        self.abort.load(Relaxed)
    }

    /// What [`Mailbox::aborting`] reads.
    pub(super) fn abort(&self) -> &Atomic<bool> {
        &self.abort
    }

    fn request(&self, change: impl FnOnce(&mut Requests)) {
        // Unlocked before the thread wakes up and wants the lock.
        change(&mut self.state.lock().requests);
        self.kick.kick();
    }

    /// The administrator's switch.
    pub(crate) fn enabled(&self) -> bool {
        self.state.lock().requests.enabled
    }

    /// Whether a pass is under way or ordered.
    pub(crate) fn busy(&self) -> bool {
        let state = self.state.lock();
        state.busy || state.requests.brings_pass() || self.cleared.load(Relaxed) != 0
    }

    /// Throws the switch and waits until the thread has carried that out.
    ///
    /// # Errors
    ///
    /// EINTR where a signal ended the wait.
    pub(crate) fn set_enabled(&self, enabled: bool) -> Result {
        let mut state = self.state.lock();
        let requests = &mut state.requests;
        requests.enabled = enabled;
        requests.switched_on |= enabled;
        requests.attempt = if enabled { Attempt::All } else { Attempt::None };
        requests.reason = Reason::Start;
        requests.version = requests.version.wrapping_add(1);
        let version = requests.version;
        self.abort.store(!enabled || requests.stop, Relaxed);
        // As in `request`.
        drop(state);
        self.kick.kick();
        if enabled {
            return Ok(());
        }
        let mut state = self.state.lock();
        while !state.requests.stop && state.applied < version {
            if self.done.wait_interruptible(&mut state) {
                return Err(EINTR);
            }
        }
        Ok(())
    }

    /// Requests an attempt on all of RAM.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled.
    pub(crate) fn attempt_all(&self) -> Result {
        self.request_attempt(Attempt::All, Reason::Request)
    }

    /// Requests an attempt on the dirty regions.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled.
    pub(crate) fn attempt_dirty(&self) -> Result {
        self.request_attempt(Attempt::Dirty, Reason::Range)
    }

    fn request_attempt(&self, attempt: Attempt, reason: Reason) -> Result {
        let mut enabled = false;
        self.request(|requests| {
            enabled = requests.enabled;
            if enabled {
                requests.want(attempt, reason);
            }
        });
        enabled.then_some(()).ok_or(EPERM)
    }

    /// Wakes the thread, which looks what is due. In any context in which [`Kick::kick`] may be called.
    pub(crate) fn kick(&self) {
        self.kick.kick();
    }

    /// A pass begins that nobody ordered. Until the next [`Mailbox::next`].
    pub(crate) fn set_busy(&self) {
        self.state.lock().busy = true;
    }

    /// CPUs or memory came or went, or a setting changed.
    pub(crate) fn host_changed(&self) {
        self.request(|requests| {
            requests.survey = true;
            if requests.enabled {
                requests.want(Attempt::Fill, Reason::Host);
            }
        });
    }

    /// A core's RMPOPT_BASE was cleared. Takes no lock.
    pub(crate) fn core_cleared(&self) {
        self.cleared.fetch_add(1, Relaxed);
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
        self.request(|requests| {
            requests.stop = true;
            self.abort.store(true, Relaxed);
        });
        self.done.notify_all();
    }

    /// Makes the calling thread the one that gets the requests.
    pub(crate) fn attach(&self) {
        self.kick.attach_current();
        // The first ones are there already.
        self.kick.kick();
    }

    /// Says that the requests of a [`Mailbox::next`] are carried out, then waits for new ones, or until
    /// something may be due, at most `patience` milliseconds if that is given. There may be none when it
    /// returns. Only the thread calls this.
    pub(crate) fn next(&self, before: Option<Requests>, patience: Option<Msecs>) -> Requests {
        let mut state = self.state.lock();
        state.busy = false;
        if let Some(before) = before {
            state.applied = before.version;
            self.done.notify_all();
        }
        drop(state);
        self.kick.wait(patience);
        let mut state = self.state.lock();
        let mut requests = state.requests;
        requests.cleared = self.cleared.xchg(0, Full);
        state.requests = Requests {
            enabled: requests.enabled,
            stop: requests.stop,
            version: requests.version,
            ..Requests::default()
        };
        state.busy = requests.brings_pass();
        requests
    }
}
