// SPDX-License-Identifier: GPL-2.0

//! The module's parameters. They do not change after the module is loaded.
//!
//! `native.c` defines the parameter `native`, `shim.c` the other ones. They are defined in C because in 7.2
//! (7.2.13 included) `module!` has no parameters of type `bool`, and up to 7.3.1 `module!` writes a value as if
//! the variable had another type.

use super::shim;

/// `window_gib`: the GiB that a core's table spans, without a check of its range.
pub(crate) fn window_gib() -> u32 {
    // SAFETY: Reads a variable that does not change any more.
    unsafe { shim::rmpopt_param_window_gib() }
}

/// `skip_isolated`: whether isolated CPUs are left alone from the beginning.
pub(crate) fn skip_isolated() -> bool {
    // SAFETY: As above.
    unsafe { shim::rmpopt_param_skip_isolated() }
}

/// `probes`: whether to register probes on the kernel's RMP functions.
pub(crate) fn probes() -> bool {
    // SAFETY: As above.
    unsafe { shim::rmpopt_param_probes() }
}
