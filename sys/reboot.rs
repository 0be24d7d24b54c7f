// SPDX-License-Identifier: GPL-2.0

//! The end of this kernel: restart, power-off, or kexec into another one.

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

/// What is told that this kernel ends.
pub(crate) trait Listener: Send + Sync + 'static {
    /// Devices are about to be shut down. In thread context, may sleep.
    fn rebooting(&self);
}

/// A registered [`Listener`]. Dropping it ends the calls and waits for one that is under way.
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
