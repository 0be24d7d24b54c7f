// SPDX-License-Identifier: GPL-2.0

//! What differs between the kernel series that `scripts/kernel-series` lists.
//!
//! `Kbuild` compares the tree's version with the series in which something changed and passes
//! `--cfg kernel_7_3` for 7.3 and later. Everything below that needs no such distinction is written
//! with what all series have.

use kernel::{
    bindings,
    ffi,
    prelude::*,
    time::Delta, //
};

/// This module, as the `owner` of what the kernel calls. 7.3 asks the type that `module!` was given,
/// earlier series have a static variable at the crate's root.
#[cfg(kernel_7_3)]
pub(super) const fn this_module() -> *mut bindings::module {
    kernel::module::this_module::<crate::LocalModule>().as_ptr()
}

/// This module, as the `owner` of what the kernel calls.
#[cfg(not(kernel_7_3))]
pub(super) const fn this_module() -> *mut bindings::module {
    crate::THIS_MODULE.as_ptr()
}

/// Up to 7.2 `configfs_attrs!` takes this name from where it is used.
#[cfg(not(kernel_7_3))]
pub(crate) use crate::THIS_MODULE;

/// "Operation not supported": the kernel crate names it from 7.3 on.
pub(crate) fn eopnotsupp() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as ffi::c_int))
}

/// Milliseconds, rounded up. `Delta` has that from 7.3 on.
pub(crate) fn millis_ceil(time: Delta) -> i64 {
    let rest = time.as_nanos().checked_rem(1_000_000).unwrap_or(0);
    time.as_millis().saturating_add(i64::from(rest > 0))
}
