// SPDX-License-Identifier: GPL-2.0

//! The module's directory in configfs.
//!
//! The kernel crate offers one, but in 7.2 (7.2.13 included) and up to 7.3.1 the reference that it hands
//! to an attribute at the root of a subsystem points to the wrong place. [`Root`] has no bytes, so that a
//! reference to it is valid wherever it points; what the attributes work on is found in a variable of
//! this file instead. All kernels are served in this way.

use core::{
    ffi::c_void,
    marker::PhantomData,
    ops::Deref,
    ptr, //
};
use kernel::{
    configfs::{
        ItemType,
        Subsystem, //
    },
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    }, //
};

/// What the attributes of the one [`Directory`] work on; NULL while there is no directory.
static TARGET: Atomic<*mut c_void> = Atomic::new(ptr::null_mut());

/// What the attributes of a [`Directory<T>`] get from the kernel in place of the `T`.
///
/// # Invariants
///
/// Values and references exist only while a [`Target<T>`] does.
pub(crate) struct Root<T>(PhantomData<fn() -> T>);

impl<T> Deref for Root<T> {
    type Target = T;

    fn deref(&self) -> &T {
        const { assert!(size_of::<Self>() == 0 && align_of::<Self>() == 1) };
        // SAFETY: By the invariants of this type and of `Target` the pointer is that of a `T`, which
        // lives for as long as `self`.
        unsafe { &*TARGET.load(Acquire).cast::<T>() }
    }
}

/// Keeps what the attributes work on.
///
/// # Invariants
///
/// `TARGET` is the pointer of `target` while the value exists.
struct Target<T> {
    _target: Arc<T>,
}

impl<T> Target<T> {
    fn new(target: Arc<T>) -> Result<Self> {
        let place = Arc::as_ptr(&target).cast_mut().cast();
        TARGET
            .cmpxchg(ptr::null_mut(), place, Full)
            .map_err(|_| EBUSY)?;
        // INVARIANT: Just stored, and nobody else replaces what is not NULL.
        Ok(Self { _target: target })
    }
}

impl<T> Drop for Target<T> {
    fn drop(&mut self) {
        TARGET.store(ptr::null_mut(), Release);
    }
}

/// A directory at the root of configfs, whose attributes work on a `T`. Dropping it removes it and
/// waits for attributes that are being read or written.
#[pin_data]
pub(crate) struct Directory<T: Send + Sync + 'static> {
    // Dropped first: no attribute is called after that.
    #[pin]
    subsystem: Subsystem<Root<T>>,
    target: Target<T>,
}

impl<T: Send + Sync + 'static> Directory<T> {
    /// Makes the directory, with the attributes of an [`item_type`]. May sleep.
    ///
    /// # Errors
    ///
    /// EEXIST where another module has taken the name; EBUSY where there is a directory of this
    /// module's already; ENOMEM.
    pub(crate) fn new(
        name: &'static CStr,
        item_type: &'static ItemType<Subsystem<Root<T>>, Root<T>>,
        target: Arc<T>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target: Target::new(target)?,
            // INVARIANT: `target` was stored before, and goes after the subsystem.
            subsystem <- Subsystem::new(name, item_type, Ok(Root(PhantomData))),
        })
    }
}

/// The item type of a [`Directory`]: `item_type!(Alias, name: id, ...)`.
///
/// `Alias` is a [`Root`] by a name of its own, for which `AttributeOperations<id>` says what the
/// attribute `name` does.
macro_rules! item_type {
    ($root:ident, $($name:ident: $id:literal),* $(,)?) => {{
        #[allow(unused_imports, reason = "kernels before 7.3 look for THIS_MODULE here")]
        use $crate::sys::compat::*;
        ::kernel::configfs::configfs_attrs! {
            container: ::kernel::configfs::Subsystem<$root>,
            data: $root,
            attributes: [$($name: $id),*],
        }
    }};
}
pub(crate) use item_type;
