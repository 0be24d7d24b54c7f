// SPDX-License-Identifier: GPL-2.0

//! What there is one of at a time.

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Release, //
    },
};

/// The right to be the only value of a type, given back when it is dropped.
///
/// C keeps what it calls back in variables of its own: a second value would overwrite those of the
/// first one.
///
/// # Invariants
///
/// The flag is true, and nobody else has a value for the same flag.
pub(super) struct Single(&'static Atomic<bool>);

impl Single {
    /// Takes the right for which `taken`, false at first, stands.
    ///
    /// # Errors
    ///
    /// EBUSY where another value has it.
    pub(super) fn take(taken: &'static Atomic<bool>) -> Result<Self> {
        if taken.xchg(true, Full) {
            return Err(EBUSY);
        }
        // INVARIANT: It was false, so nobody had it; it stays true until this value is dropped.
        Ok(Self(taken))
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}
