// SPDX-License-Identifier: GPL-2.0

//! A callback at the end of this kernel: before a restart, a power-off or a kexec into another kernel.

use super::registration::{
    Callback,
    Facility,
    Registration, //
};
use kernel::{
    ffi,
    sync::atomic::Atomic, //
};

extern "C" {
    fn rmpopt_reboot_register(rebooting: Callback, data: *mut ffi::c_void) -> ffi::c_int;
    fn rmpopt_reboot_unregister();
}

/// The receiver of the callback.
pub(crate) trait Listener: Send + Sync + 'static {
    /// The kernel is about to shut devices down. Called in thread context; may sleep.
    fn rebooting(&self);
}

/// A registered [`Listener`]. Dropping the value unregisters it, and waits for a call that is under way.
pub(crate) type Reboot<T> = Registration<Notifier, T>;

/// The notifier of `reboot.c`.
pub(crate) struct Notifier;

// SAFETY: The kernel calls a notifier from its registration until unregister_reboot_notifier() has
// returned.
unsafe impl<T: Listener> Facility<T> for Notifier {
    const REGISTER: unsafe extern "C" fn(Callback, *mut ffi::c_void) -> ffi::c_int =
        rmpopt_reboot_register;
    const UNREGISTER: unsafe extern "C" fn() = rmpopt_reboot_unregister;

    fn taken() -> &'static Atomic<bool> {
        static TAKEN: Atomic<bool> = Atomic::new(false);
        &TAKEN
    }

    fn call(target: &T) {
        target.rebooting();
    }
}
