// SPDX-License-Identifier: GPL-2.0

//! Requests to the thread, and what the thread reports about its work.

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

/// What the thread is to do. The thread takes all requests at once when it wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    /// The administrator's switch `enabled`.
    pub(crate) enabled: bool,
    /// Somebody wrote 1 to the switch since the thread last took requests.
    pub(crate) switched_on: bool,
    /// Survey again: CPUs or memory were added or removed, or a setting changed.
    pub(crate) survey: bool,
    /// What to attempt.
    pub(crate) attempt: Attempt,
    /// Why to attempt it.
    pub(crate) reason: Reason,
    /// The module is being unloaded.
    pub(crate) stop: bool,
    /// How often cores found their RMPOPT_BASE cleared: SNP may have gone off, or was initialised again.
    pub(crate) cleared: u32,
    /// Counts the writes to the switch, so that a writer can wait until the thread has carried out its own.
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
    /// Adds an attempt. The larger of the two attempts stays, with its reason.
    fn want(&mut self, attempt: Attempt, reason: Reason) {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.reason = reason;
        }
    }

    /// Adds earlier requests that the thread has not carried out. An earlier attempt is dropped where RMPOPT was
    /// switched off since.
    pub(crate) fn with(mut self, earlier: Self) -> Self {
        self.survey |= earlier.survey;
        if self.enabled {
            self.switched_on |= earlier.switched_on;
            self.want(earlier.attempt, earlier.reason);
            self.cleared = self.cleared.saturating_add(earlier.cleared);
        }
        self
    }

    /// Requests that ask for another survey and for an attempt on the open regions of that survey.
    pub(crate) fn survey_again() -> Self {
        Self {
            survey: true,
            attempt: Attempt::Fill,
            reason: Reason::Host,
            ..Self::default()
        }
    }

    /// Whether these requests are expected to lead to a pass.
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
    /// Wakes the thread, because there are requests or because work may be due.
    kick: Kick,
    /// How often cores found RMPOPT_BASE cleared since the thread last took requests. It is apart from `state`
    /// because cores count in the middle of their work, where they must not wait for a lock.
    cleared: Atomic<u32>,
    /// Writers of `enabled` wait here until the thread has carried out the new value.
    #[pin]
    done: CondVar,
    /// A pass that is under way must end early. Written under the lock of `state`.
    abort: Atomic<bool>,
}

impl Mailbox {
    /// A mailbox whose switch is `enabled`. If it is on, the first requests ask for an attempt on all regions.
    pub(crate) fn new(enabled: bool) -> impl PinInit<Self> {
        let requests = Requests {
            enabled,
            // CPUs and memory may have been added or removed before the callbacks were registered.
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

    /// Whether a pass that is under way must end early, because RMPOPT was switched off or the module is being
    /// unloaded.
    pub(crate) fn aborting(&self) -> bool {
        self.abort.load(Relaxed)
    }

    /// The flag that [`Mailbox::aborting`] reads.
    pub(super) fn abort(&self) -> &Atomic<bool> {
        &self.abort
    }

    fn request(&self, change: impl FnOnce(&mut Requests)) {
        // The lock is released before the kick: the woken thread takes it first of all.
        change(&mut self.state.lock().requests);
        self.kick.kick();
    }

    /// The administrator's switch `enabled`.
    pub(crate) fn enabled(&self) -> bool {
        self.state.lock().requests.enabled
    }

    /// Whether a pass is under way or ordered.
    pub(crate) fn busy(&self) -> bool {
        let state = self.state.lock();
        state.busy || state.requests.brings_pass() || self.cleared.load(Relaxed) != 0
    }

    /// Sets the switch. With `false`, waits until the thread has switched RMPOPT off.
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
        // Released before the kick, as in `request`.
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
    /// EPERM while the switch is off.
    pub(crate) fn attempt_all(&self) -> Result {
        self.request_attempt(Attempt::All, Reason::Request)
    }

    /// Requests an attempt on the dirty regions.
    ///
    /// # Errors
    ///
    /// EPERM while the switch is off.
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

    /// Wakes the thread, which then does the work that is due. May be called in every context in which
    /// [`Kick::kick`] may be called.
    pub(crate) fn kick(&self) {
        self.kick.kick();
    }

    /// Reports a pass that nobody requested as under way, until the next [`Mailbox::next`].
    pub(crate) fn set_busy(&self) {
        self.state.lock().busy = true;
    }

    /// Requests a survey and a pass, because CPUs or memory were added or removed, or a setting changed.
    pub(crate) fn host_changed(&self) {
        self.request(|requests| {
            requests.survey = true;
            if requests.enabled {
                requests.want(Attempt::Fill, Reason::Host);
            }
        });
    }

    /// Counts that a core found its RMPOPT_BASE cleared, and wakes the thread. Takes no lock.
    pub(crate) fn core_cleared(&self) {
        self.cleared.fetch_add(1, Relaxed);
        self.kick.kick();
    }

    /// Waits for `time`, but not longer than until RMPOPT is switched off or the module is being unloaded.
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

    /// Requests the thread's end, because the module is being unloaded.
    pub(crate) fn stop(&self) {
        self.request(|requests| {
            requests.stop = true;
            self.abort.store(true, Relaxed);
        });
        self.done.notify_all();
    }

    /// Makes the calling thread the one that kicks wake.
    pub(crate) fn attach(&self) {
        self.kick.attach_current();
        // The mailbox was created with requests in it.
        self.kick.kick();
    }

    /// Reports the requests `before`, which the previous call returned, as carried out. Then waits for a kick, at
    /// most `patience` milliseconds if that is given, and takes all requests. They may ask for nothing. Only the
    /// thread calls this.
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
