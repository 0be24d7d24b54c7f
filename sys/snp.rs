// SPDX-License-Identifier: GPL-2.0

//! Watches initialisations of SNP. Keeps a gate that is closed while an initialisation may be under way: RMPOPT and
//! writes of RMPOPT_BASE go through it. `snp.c` says why the gate is never open too early.

use super::{
    cpu::OnCpu,
    registration::{
        Callback,
        Facility,
        Registration, //
    }, //
};
use kernel::{
    ffi,
    sync::atomic::Atomic, //
};

extern "C" {
    fn rmpopt_snp_watch(begins: Callback, data: *mut ffi::c_void) -> ffi::c_int;
    fn rmpopt_snp_unwatch();
    fn rmpopt_snp_begun() -> u32;
    fn rmpopt_snp_open() -> bool;
    fn rmpopt_snp_set_open(begun: u32);
    fn rmpopt_snp_close();
    fn rmpopt_snp_ccp_there() -> bool;
    fn rmpopt_snp_wait(unseen: bool) -> bool;
    fn rmpopt_irq_save() -> ffi::c_ulong;
    fn rmpopt_irq_restore(flags: ffi::c_ulong);
}

/// The receiver of the callback.
pub(crate) trait Listener: Send + Sync + 'static {
    /// One or more initialisations of SNP have begun. Called in thread context; may sleep.
    fn initialising(&self);
}

/// A probe at the beginning of each initialisation of SNP. Dropping the value removes the probe.
///
/// Registering the probe fails with EINVAL where the kernel has no function to watch; EBUSY where the sysctl
/// `kernel.ftrace_enabled` is 0; ENODEV where ftrace has stopped working; ENOMEM.
pub(crate) type Watch<T> = Registration<Probe, T>;

/// The probe of `snp.c`.
pub(crate) struct Probe;

// SAFETY: A work item makes the calls. It is queued only after the registration, and unregistering waits for it.
unsafe impl<T: Listener> Facility<T> for Probe {
    const REGISTER: unsafe extern "C" fn(Callback, *mut ffi::c_void) -> ffi::c_int =
        rmpopt_snp_watch;
    const UNREGISTER: unsafe extern "C" fn() = rmpopt_snp_unwatch;

    fn taken() -> &'static Atomic<bool> {
        static TAKEN: Atomic<bool> = Atomic::new(false);
        &TAKEN
    }

    fn call(target: &T) {
        target.initialising();
    }
}

/// The number of initialisations whose beginning was seen, plus 1: one may have begun before the probe was
/// registered.
pub(crate) fn begun() -> u32 {
    // SAFETY: Reads a counter.
    unsafe { rmpopt_snp_begun() }
}

/// Whether the gate is open: no initialisation is under way, and the thread has looked whether SNP is on since the
/// last one began.
pub(crate) fn is_open() -> bool {
    // SAFETY: Reads two counters.
    unsafe { rmpopt_snp_open() }
}

/// Opens the gate, unless an initialisation has begun since [`begun`] returned this number.
pub(crate) fn open(begun: u32) {
    // SAFETY: Writes a counter.
    unsafe { rmpopt_snp_set_open(begun) };
}

/// Closes the gate until [`open`] is called.
pub(crate) fn close() {
    // SAFETY: Writes a counter.
    unsafe { rmpopt_snp_close() };
}

/// Whether the ccp driver, which may initialise SNP, is present. May sleep.
pub(crate) fn driver_there() -> bool {
    // SAFETY: The only condition is the context.
    unsafe { rmpopt_snp_ccp_there() }
}

/// Waits until each initialisation that [`begun`] has counted so far is over; with `unseen` waits also for those that
/// it has not counted. False where the driver is just being loaded, so that the answer is not known. May sleep for
/// seconds.
pub(crate) fn wait(unseen: bool) -> bool {
    // SAFETY: The only condition is the context.
    unsafe { rmpopt_snp_wait(unseen) }
}

/// Runs `access` if the gate is open. Where an initialisation begins in the meantime, `access` is over before that
/// initialisation executes SNP_INIT. `None` where the gate is closed. `access` must be short, a few instructions,
/// because interrupts are off.
pub(crate) fn through_gate<R>(_on: &OnCpu, access: impl FnOnce() -> R) -> Option<R> {
    // SAFETY: Paired with the restoring below; nothing in between returns, unwinds or sleeps.
    let flags = unsafe { rmpopt_irq_save() };
    let result = is_open().then(access);
    // SAFETY: Paired with the saving above, on the same CPU.
    unsafe { rmpopt_irq_restore(flags) };
    result
}
