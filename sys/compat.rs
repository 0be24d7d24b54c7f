// SPDX-License-Identifier: GPL-2.0

//! Code that differs between the kernel series that `scripts/kernel-series` lists.
//!
//! `Kbuild` compares the version of the kernel tree with the series in which something changed, and passes
//! `--cfg kernel_7_3` for 7.3 and later. Where one form works in all series, that form is used.

use kernel::{
    bindings,
    ffi,
    prelude::*,
    time::Delta, //
};

/// This module, as the `owner` of callbacks that the kernel calls. In 7.3 the type that `module!` was given
/// supplies it; earlier series have a static variable at the crate's root.
#[cfg(kernel_7_3)]
pub(super) const fn this_module() -> *mut bindings::module {
    kernel::module::this_module::<crate::LocalModule>().as_ptr()
}

/// This module, as the `owner` of callbacks that the kernel calls.
#[cfg(not(kernel_7_3))]
pub(super) const fn this_module() -> *mut bindings::module {
    crate::THIS_MODULE.as_ptr()
}

/// Up to 7.2 `configfs_attrs!` expects this name in the scope that uses the macro.
#[cfg(not(kernel_7_3))]
pub(crate) use crate::THIS_MODULE;

/// EOPNOTSUPP. The kernel crate has a constant for it from 7.3 on.
pub(crate) fn eopnotsupp() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as ffi::c_int))
}

/// The time in milliseconds, rounded up. `Delta` has a method for it from 7.3 on.
pub(crate) fn millis_ceil(time: Delta) -> i64 {
    let rest = time.as_nanos().checked_rem(1_000_000).unwrap_or(0);
    time.as_millis().saturating_add(i64::from(rest > 0))
}
