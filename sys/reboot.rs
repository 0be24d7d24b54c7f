// SPDX-License-Identifier: GPL-2.0

//! The end of this kernel: restart, power-off, or kexec into another one.

use super::single::Single;
use kernel::{
    error::to_result,
    ffi,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc, //
    },
};

extern "C" {
    fn rmpopt_reboot_register(
        rebooting: unsafe extern "C" fn(*mut ffi::c_void),
        data: *mut ffi::c_void,
    ) -> ffi::c_int;
    fn rmpopt_reboot_unregister();
}

/// What is told that this kernel ends.
pub(crate) trait Listener: Send + Sync + 'static {
    /// Devices are about to be shut down. In thread context, may sleep.
    fn rebooting(&self);
}

/// A registered [`Listener`]. There is one value at a time. Dropping it ends the calls and waits for
/// one that is under way.
pub(crate) struct Reboot<T: Listener> {
    _listener: Arc<T>,
    _single: Single,
}

impl<T: Listener> Reboot<T> {
    /// Registers the listener. May sleep.
    ///
    /// # Errors
    ///
    /// EBUSY where there is another value.
    pub(crate) fn new(listener: Arc<T>) -> Result<Self> {
        static TAKEN: Atomic<bool> = Atomic::new(false);
        let single = Single::take(&TAKEN)?;
        let data = Arc::as_ptr(&listener).cast_mut().cast();
        // SAFETY: Nobody else has registered anything, as `single` says. `rebooting` takes a `T`, and
        // `listener` keeps it alive until it is unregistered.
        to_result(unsafe { rmpopt_reboot_register(Self::rebooting, data) })?;
        Ok(Self {
            _listener: listener,
            _single: single,
        })
    }

    /// # Safety
    ///
    /// `data` is a `T`.
    unsafe extern "C" fn rebooting(data: *mut ffi::c_void) {
        // SAFETY: By the contract above.
        unsafe { &*data.cast::<T>() }.rebooting();
    }
}

impl<T: Listener> Drop for Reboot<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { rmpopt_reboot_unregister() };
    }
}
