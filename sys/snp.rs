// SPDX-License-Identifier: GPL-2.0

//! Initialisations of SNP, and the gate that is closed while one may be under way. `snp.c` says why the
//! gate is never open too early.

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

/// Who is told that an initialisation of SNP begins.
pub(crate) trait Listener: Send + Sync + 'static {
    /// One has begun, or several. In thread context, may sleep.
    fn initialising(&self);
}

/// A probe at the beginning of each initialisation. Dropping it removes the probe.
///
/// Registering it fails with EINVAL where the kernel has no function to watch; EBUSY where the sysctl
/// `kernel.ftrace_enabled` is 0; ENODEV where ftrace has stopped working; ENOMEM.
pub(crate) type Watch<T> = Registration<Probe, T>;

/// The probe of `snp.c`.
pub(crate) struct Probe;

// SAFETY: Work that is queued from the registration on makes the calls, and unregistering waits for it.
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

/// Initialisations that have begun, as far as was seen. Starts at 1: one may have begun before.
pub(crate) fn begun() -> u32 {
    // SAFETY: Reads a counter.
    unsafe { rmpopt_snp_begun() }
}

/// Whether the gate is open: no initialisation is under way, and somebody has looked whether SNP is on.
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

/// Whether there is a driver that may initialise SNP. May sleep.
pub(crate) fn driver_there() -> bool {
    // SAFETY: Nothing has to hold beside the context.
    unsafe { rmpopt_snp_ccp_there() }
}

/// Waits until each initialisation that [`begun`] has counted so far is over, with `unseen` also those that
/// it has not counted. False where it cannot be told now: the driver is just being loaded. May sleep,
/// for seconds.
pub(crate) fn wait(unseen: bool) -> bool {
    // SAFETY: Nothing has to hold beside the context.
    unsafe { rmpopt_snp_wait(unseen) }
}

/// Runs `access` if the gate is open, and has it done before an initialisation that begins meanwhile gets
/// to SNP_INIT. `None` where the gate is closed. `access` is one or a few instructions: interrupts are off.
pub(crate) fn through_gate<R>(_on: &OnCpu, access: impl FnOnce() -> R) -> Option<R> {
    // SAFETY: Paired with the restoring below; nothing in between returns, unwinds or sleeps.
    let flags = unsafe { rmpopt_irq_save() };
    let result = is_open().then(access);
    // SAFETY: Paired with the saving above, on the same CPU.
    unsafe { rmpopt_irq_restore(flags) };
    result
}
