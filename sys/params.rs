// SPDX-License-Identifier: GPL-2.0

//! The module's parameters: fixed once it is loaded.
//!
//! C defines them: `native.c` the parameter `native`, `shim.c` the other ones. In 7.2 (7.2.13 included)
//! `module!` has no parameters of type `bool`, and up to 7.3.1 it writes a value as if the variable had
//! another type.

use super::shim;

/// `window_gib`: GiB that a core's table spans; whatever was written.
pub(crate) fn window_gib() -> u32 {
    // SAFETY: Reads what does not change any more.
    unsafe { shim::rmpopt_param_window_gib() }
}

/// `skip_isolated`: isolated CPUs are left alone from the beginning.
pub(crate) fn skip_isolated() -> bool {
    // SAFETY: As above.
    unsafe { shim::rmpopt_param_skip_isolated() }
}

/// `probes`: watch the kernel's RMP functions.
pub(crate) fn probes() -> bool {
    // SAFETY: As above.
    unsafe { shim::rmpopt_param_probes() }
}
