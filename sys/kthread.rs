// SPDX-License-Identifier: GPL-2.0

//! A kernel thread that lives as long as its owner.

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi,
    prelude::*,
    sync::Arc, //
};

/// What a thread does.
pub(crate) trait Body: Send + Sync + 'static {
    /// The thread's work, in thread context with everything allowed. Returns after [`Body::stop`].
    fn run(&self);

    /// Makes [`Body::run`] return soon. May sleep.
    fn stop(&self);
}

/// A running thread. Dropping it stops the thread and waits for its end.
///
/// # Invariants
///
/// `task` is a thread made by [`Kthread::spawn`], to which this value owns a reference.
pub(crate) struct Kthread<T: Body> {
    task: NonNull<bindings::task_struct>,
    body: Arc<T>,
}

// SAFETY: A task may be stopped from any thread, and the body is Send and Sync.
unsafe impl<T: Body> Send for Kthread<T> {}
// SAFETY: There is no operation on a shared reference.
unsafe impl<T: Body> Sync for Kthread<T> {}

impl<T: Body> Kthread<T> {
    /// Starts a thread of this name.
    ///
    /// # Errors
    ///
    /// ENOMEM, or EINTR where the caller is being killed.
    pub(crate) fn spawn(name: &'static CStr, body: Arc<T>) -> Result<Self> {
        let data = Arc::into_raw(body.clone());
        // SAFETY: `main` takes over the reference that `data` is; the format takes one string.
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
        // The thread may return by itself; the reference keeps the task valid until `drop`.
        // SAFETY: `task` was just made and has not run yet.
        unsafe { bindings::get_task_struct(task) };
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
        // SAFETY: By the invariant; this puts the reference, and nobody uses `task` afterwards. The
        // thread has run, or it is still to run for the first time: then it never calls `main`, and
        // the reference that it would have taken over must be given back.
        let ran = unsafe { bindings::kthread_stop_put(self.task.as_ptr()) };
        if ran == -(bindings::EINTR as ffi::c_int) {
            // SAFETY: `main` was never called.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.body)) });
        }
    }
}
