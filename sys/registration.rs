// SPDX-License-Identifier: GPL-2.0

//! Registers a Rust value with a facility in C that keeps the callback's pointer in one static variable.

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

/// The right to be the only registered value. Dropping this value gives the right back. A second registered value
/// would overwrite the C variables of the first one.
///
/// # Invariants
///
/// The flag is true, and nobody else has a value for the same flag.
pub(super) struct Single(&'static Atomic<bool>);

impl Single {
    /// Takes the right that `taken` represents. `taken` is initially false.
    ///
    /// # Errors
    ///
    /// EBUSY where another value has the right.
    pub(super) fn take(taken: &'static Atomic<bool>) -> Result<Self> {
        if taken.xchg(true, Full) {
            return Err(EBUSY);
        }
        // INVARIANT: The flag was false, so nobody had the right; it stays true until this value is dropped.
        Ok(Self(taken))
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

/// A function that C calls with the pointer that was registered with it.
pub(crate) type Callback = unsafe extern "C" fn(*mut ffi::c_void);

/// A facility of C that calls one target back.
///
/// # Safety
///
/// C calls the callback only with the pointer that was passed to [`Facility::REGISTER`] together with it. C calls
/// it only between the call of [`Facility::REGISTER`] and the return of [`Facility::UNREGISTER`], and not after a
/// failure of [`Facility::REGISTER`]. [`Facility::REGISTER`] may be called with any callback and pointer, and
/// [`Facility::UNREGISTER`] once after each success.
pub(crate) unsafe trait Facility<T> {
    /// Registers the callback. Returns 0 or more, or a negative errno. May sleep.
    const REGISTER: unsafe extern "C" fn(Callback, *mut ffi::c_void) -> ffi::c_int;

    /// Unregisters the callback. May sleep.
    const UNREGISTER: unsafe extern "C" fn();

    /// The flag of [`Single`], which nothing else uses.
    fn taken() -> &'static Atomic<bool>;

    /// Borrows from the target the object that C uses while the target is registered. The borrow proves that the
    /// target keeps that object alive.
    fn require(_target: &T) {}

    /// Executes the callback, in the context in which C calls it.
    fn call(target: &T);
}

/// A registered target. Each facility has at most one at a time. Dropping the value unregisters the target.
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
        // SAFETY: `single` proves that nobody else has registered a target. The target lives for as long as C may
        // call it, by the contract of `Facility` and by `drop`.
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
