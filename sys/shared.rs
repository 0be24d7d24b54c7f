// SPDX-License-Identifier: GPL-2.0

//! A variable of any [`Codec`] type that all CPUs may read and write.

use super::codec::Codec;
use core::marker::PhantomData;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A variable that may be read and written in any context at any time. Accesses to it do not order other memory
/// accesses.
pub(crate) struct Shared<T: Codec> {
    number: Atomic<u64>,
    _of: PhantomData<T>,
}

impl<T: Codec> Shared<T> {
    /// A variable with this value.
    pub(crate) fn new(value: T) -> Self {
        Self {
            number: Atomic::new(value.encode()),
            _of: PhantomData,
        }
    }

    /// The value.
    pub(crate) fn get(&self) -> T {
        T::decode(self.number.load(Relaxed))
    }

    /// Sets the value.
    pub(crate) fn set(&self, value: T) {
        self.number.store(value.encode(), Relaxed);
    }
}
