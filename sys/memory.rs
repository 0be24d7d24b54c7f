// SPDX-License-Identifier: GPL-2.0

//! Callbacks for memory that goes online and offline.

use super::shim;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    ffi,
    prelude::*,
    sync::Arc, //
};

/// The receiver of the callbacks.
pub(crate) trait Listener: Send + Sync + 'static {
    /// Some memory has gone online or offline. Called in thread context, under the memory hotplug lock.
    fn memory_changed(&self);
}

/// A registered [`Listener`]. Dropping the value unregisters it, and waits for a call that is under way.
///
/// # Invariants
///
/// `memory` is registered with `listener` as its data.
pub(crate) struct MemoryHotplug<T: Listener> {
    memory: NonNull<shim::Memory>,
    _listener: Arc<T>,
}

// SAFETY: Unregistering is allowed from any thread, and the listener is Send and Sync.
unsafe impl<T: Listener> Send for MemoryHotplug<T> {}
// SAFETY: There is no operation on a shared reference.
unsafe impl<T: Listener> Sync for MemoryHotplug<T> {}

impl<T: Listener> MemoryHotplug<T> {
    /// Registers a listener. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(listener: Arc<T>) -> Result<Self> {
        let data = Arc::as_ptr(&listener).cast_mut().cast();
        // SAFETY: `changed` takes a `T`, and `listener` keeps it alive until it is unregistered.
        let memory = from_err_ptr(unsafe { shim::rmpopt_memory_register(Self::changed, data) })?;
        let memory = NonNull::new(memory).ok_or(ENOMEM)?;
        // INVARIANT: Just registered.
        Ok(Self {
            memory,
            _listener: listener,
        })
    }

    /// # Safety
    ///
    /// `data` is a `T`.
    unsafe extern "C" fn changed(data: *mut ffi::c_void) {
        // SAFETY: By the contract above.
        let listener = unsafe { &*data.cast::<T>() };
        listener.memory_changed();
    }
}

impl<T: Listener> Drop for MemoryHotplug<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant; no call runs afterwards.
        unsafe { shim::rmpopt_memory_unregister(self.memory.as_ptr()) };
    }
}
