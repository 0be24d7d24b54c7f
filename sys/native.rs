// SPDX-License-Identifier: GPL-2.0

//! A kernel that has RMPOPT of its own, and the module parameter `native`. See `native.c`.

use kernel::ffi;

extern "C" {
    fn rmpopt_native() -> bool;
    fn rmpopt_native_mode() -> ffi::c_uint;
}

/// Whether the kernel has RMPOPT of its own (`X86_FEATURE_RMPOPT`).
pub(crate) fn kernel_has_rmpopt() -> bool {
    // SAFETY: Reads a flag that is fixed after boot.
    unsafe { rmpopt_native() }
}

/// The module parameter `native`, fixed once the module is loaded: the number of a
/// [`Native`](crate::sev::assess::Native).
pub(crate) fn parameter() -> u32 {
    // SAFETY: Reads a number that is only written before the module's initialisation.
    unsafe { rmpopt_native_mode() }
}
