// SPDX-License-Identifier: GPL-2.0

//! What C calls back, where C keeps the pointer in a variable of its own.

use core::marker::PhantomData;
use kernel::{
    error::to_result,
    ffi,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    },
};

/// The right to be the only value of a type, given back when it is dropped: a second value would
/// overwrite the variables of the first one.
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

/// What C calls with the pointer that it was given when it was registered.
pub(crate) type Callback = unsafe extern "C" fn(*mut ffi::c_void);

/// A facility of C that calls one target back.
///
/// # Safety
///
/// From the call of [`Facility::REGISTER`] on, and unless that fails until [`Facility::UNREGISTER`] has
/// returned, C calls the callback with the pointer that it got with it, and at no other time. It may be
/// given any such pair, and [`Facility::UNREGISTER`] be called once after each success.
pub(crate) unsafe trait Facility<T> {
    /// Registers the callback: 0 or more, or a negative errno. May sleep.
    const REGISTER: unsafe extern "C" fn(Callback, *mut ffi::c_void) -> ffi::c_int;

    /// Unregisters it. May sleep.
    const UNREGISTER: unsafe extern "C" fn();

    /// A variable that nothing else uses.
    fn taken() -> &'static Atomic<bool>;

    /// Borrows from the target what C uses while it is registered. That there is such a thing is the
    /// proof that the target keeps it.
    fn require(_target: &T) {}

    /// What the callback does, in the context in which C calls it.
    fn call(target: &T);
}

/// A registered target, one at a time. Dropping it unregisters the target.
pub(crate) struct Registration<F: Facility<T>, T> {
    _target: Arc<T>,
    _single: Single,
    _facility: PhantomData<F>,
}

impl<F: Facility<T>, T> Registration<F, T> {
    /// Registers a target. May sleep.
    ///
    /// # Errors
    ///
    /// EBUSY where there is another value; those of the facility.
    pub(crate) fn register(target: Arc<T>) -> Result<Self> {
        let single = Single::take(F::taken())?;
        F::require(&target);
        let data = Arc::as_ptr(&target).cast_mut().cast();
        // SAFETY: Nobody else has registered anything, as `single` says. The target lives for as long as
        // it is called, by the contract of `Facility` and by `drop`.
        to_result(unsafe { F::REGISTER(Self::called, data) })?;
        Ok(Self {
            _target: target,
            _single: single,
            _facility: PhantomData,
        })
    }

    /// # Safety
    ///
    /// `data` is a `T`.
    unsafe extern "C" fn called(data: *mut ffi::c_void) {
        // SAFETY: By the contract above.
        F::call(unsafe { &*data.cast::<T>() });
    }
}

impl<F: Facility<T>, T> Drop for Registration<F, T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `register`. The target lives until this has returned.
        unsafe { F::UNREGISTER() };
    }
}
