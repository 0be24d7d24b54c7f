// SPDX-License-Identifier: GPL-2.0

//! A kernel thread that lives as long as its owner, and [`Kick`], which wakes a thread.

use super::shim;
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    },
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
};

/// The work of a thread.
pub(crate) trait Body: Send + Sync + 'static {
    /// The thread's main loop. In thread context; may sleep. Returns after [`Body::stop`].
    fn run(&self);

    /// Makes [`Body::run`] return soon. May sleep.
    fn stop(&self);
}

/// A running thread. Dropping the value stops the thread and waits for its end.
///
/// # Invariants
///
/// `task` is a thread created by [`Kthread::spawn`], to which this value owns a reference.
pub(crate) struct Kthread<T: Body> {
    task: NonNull<bindings::task_struct>,
    body: Arc<T>,
}

// SAFETY: A task may be stopped from any thread, and the body is Send and Sync.
unsafe impl<T: Body> Send for Kthread<T> {}
// SAFETY: There is no operation on a shared reference.
unsafe impl<T: Body> Sync for Kthread<T> {}

impl<T: Body> Kthread<T> {
    /// Starts a thread of this name. It runs on the CPUs that are not isolated.
    ///
    /// # Errors
    ///
    /// ENOMEM, or EINTR where the caller is being killed.
    pub(crate) fn spawn(name: &'static CStr, body: Arc<T>) -> Result<Self> {
        let data = Arc::into_raw(body.clone());
        // SAFETY: `main` takes the reference `data` over; the format takes one string.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Self::main),
                data.cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        });
        let task = match task {
            Ok(task) => task,
            Err(e) => {
                // SAFETY: No thread took the reference over.
                drop(unsafe { Arc::from_raw(data) });
                return Err(e);
            }
        };
        // `main` may return before `drop`; the reference keeps the task valid until then.
        // SAFETY: `task` was just created and has not run yet.
        unsafe { bindings::get_task_struct(task) };
        // SAFETY: As above.
        unsafe { shim::rmpopt_avoid_nohz_full(task) };
        // SAFETY: As above.
        unsafe { bindings::wake_up_process(task) };
        // SAFETY: `from_err_ptr` returns no error pointer, and the function never returns NULL.
        let task = unsafe { NonNull::new_unchecked(task) };
        // INVARIANT: The reference was taken above.
        Ok(Self { task, body })
    }

    /// The thread's function.
    ///
    /// # Safety
    ///
    /// `data` is an `Arc<T>` that this call takes over.
    unsafe extern "C" fn main(data: *mut ffi::c_void) -> ffi::c_int {
        // SAFETY: By the contract above.
        let body = unsafe { Arc::from_raw(data.cast::<T>()) };
        body.run();
        0
    }
}

impl<T: Body> Drop for Kthread<T> {
    fn drop(&mut self) {
        self.body.stop();
        // SAFETY: By the invariant; this puts the reference, and nobody uses `task` afterwards. A thread
        // that has not run yet never calls `main`: then the reference that `main` would have taken over
        // must be dropped here.
        let ran = unsafe { bindings::kthread_stop_put(self.task.as_ptr()) };
        if ran == -(bindings::EINTR as ffi::c_int) {
            // SAFETY: `main` was never called.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.body)) });
        }
    }
}

/// Wakes one thread, which sleeps in [`Kick::wait`].
///
/// # Invariants
///
/// `task` is null, or a task to which this value owns a reference. A task that was set is never replaced.
pub(crate) struct Kick {
    /// There was a kick since the thread last returned from [`Kick::wait`].
    pending: Atomic<bool>,
    task: Atomic<*mut bindings::task_struct>,
}

impl Kick {
    /// A value without a thread. A kick before a thread is attached is kept for that thread.
    pub(crate) const fn new() -> Self {
        // INVARIANT: There is no task.
        Self {
            pending: Atomic::new(false),
            task: Atomic::new(ptr::null_mut()),
        }
    }

    /// Makes the calling thread the one that kicks wake, unless there is one already.
    pub(crate) fn attach_current(&self) {
        // SAFETY: No precondition; the current task lives while it runs.
        let task = unsafe { bindings::get_current() };
        // SAFETY: As above. `attach` takes the reference over.
        unsafe {
            bindings::get_task_struct(task);
            self.attach(task);
        }
    }

    /// Makes `task` the one that kicks wake, and takes over a reference to it. Returns `false` where there is such
    /// a task already; then the reference is put.
    ///
    /// # Safety
    ///
    /// The caller owns a reference to `task`.
    pub(super) unsafe fn attach(&self, task: *mut bindings::task_struct) -> bool {
        // INVARIANT: Set once, with the reference that this function takes over.
        let first = self.task.cmpxchg(ptr::null_mut(), task, Full).is_ok();
        if !first {
            // SAFETY: The caller's reference, by the contract.
            unsafe { bindings::put_task_struct(task) };
        }
        first
    }

    /// The task that kicks wake.
    pub(super) fn task(&self) -> Option<NonNull<bindings::task_struct>> {
        NonNull::new(self.task.load(Acquire))
    }

    /// Wakes the thread, or keeps it from falling asleep. May be called in any context except NMI, and with any
    /// locks held except those of the scheduler. Takes no lock of the module and queues nothing: the calling CPU
    /// only executes the wake-up, and the scheduler runs the thread where its affinity allows.
    pub(crate) fn kick(&self) {
        self.pending.xchg(true, Full);
        if let Some(task) = self.task() {
            // SAFETY: By the invariant the task is valid, even after its end.
            unsafe { bindings::wake_up_process(task.as_ptr()) };
        }
    }

    /// Sleeps until a kick, at most `patience` milliseconds where given, without counting as load. May also return
    /// earlier. Returns whether there was a kick since the last call.
    ///
    /// In thread context. Only the thread that kicks wake calls this.
    pub(crate) fn wait(&self, patience: Option<Msecs>) -> bool {
        sleep_unless(&self.pending, patience);
        self.pending.xchg(false, Full)
    }
}

impl Drop for Kick {
    fn drop(&mut self) {
        if let Some(task) = self.task() {
            // SAFETY: By the invariant this value owns the reference.
            unsafe { bindings::put_task_struct(task.as_ptr()) };
        }
    }
}

/// Sleeps until somebody wakes the thread, at most `patience` milliseconds where given, without counting
/// as load. Does not sleep where `flag` is set. Code that sets `flag` must wake the thread afterwards. In thread
/// context.
pub(crate) fn sleep_unless(flag: &Atomic<bool>, patience: Option<Msecs>) {
    let jiffies = patience.map(msecs_to_jiffies);
    let timeout = jiffies.and_then(|jiffies| ffi::c_long::try_from(jiffies).ok());
    // SAFETY: The flag outlives the call.
    unsafe { shim::rmpopt_sleep_unless(flag.as_ptr(), timeout.unwrap_or(ffi::c_long::MAX)) };
}
