// SPDX-License-Identifier: GPL-2.0

//! The module's directory in configfs.
//!
//! The kernel crate offers configfs directories, but in 7.2 (7.2.13 included) and up to 7.3.1 the reference that
//! it passes to an attribute at the root of a subsystem points to the wrong place. [`Root`] has no bytes, so that
//! a reference to it is valid wherever it points; the attributes find their target in [`TARGET`] instead. This
//! file does so with all kernel series.

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

/// The target of the attributes of the one [`Directory`]; NULL while there is no directory.
static TARGET: Atomic<*mut c_void> = Atomic::new(ptr::null_mut());

/// The type that the kernel passes to the attributes of a [`Directory<T>`] in place of the `T`.
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

/// Keeps the target of the attributes alive, and `TARGET` pointing to it.
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
        // INVARIANT: Just stored, and nobody else replaces a pointer that is not NULL.
        Ok(Self { _target: target })
    }
}

impl<T> Drop for Target<T> {
    fn drop(&mut self) {
        TARGET.store(ptr::null_mut(), Release);
    }
}

/// A directory at the root of configfs, whose attributes access a `T`. Dropping the value removes the
/// directory, and waits for attributes that are being read or written.
#[pin_data]
pub(crate) struct Directory<T: Send + Sync + 'static> {
    // Dropped first: no attribute is called after that.
    #[pin]
    subsystem: Subsystem<Root<T>>,
    target: Target<T>,
}

impl<T: Send + Sync + 'static> Directory<T> {
    /// Creates the directory, with the attributes of an [`item_type`]. May sleep.
    ///
    /// # Errors
    ///
    /// EEXIST where another module has a directory of that name; EBUSY where this module already has a
    /// directory; ENOMEM.
    pub(crate) fn new(
        name: &'static CStr,
        item_type: &'static ItemType<Subsystem<Root<T>>, Root<T>>,
        target: Arc<T>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target: Target::new(target)?,
            // INVARIANT: `target` was stored before, and is dropped after the subsystem.
            subsystem <- Subsystem::new(name, item_type, Ok(Root(PhantomData))),
        })
    }
}

/// The item type of a [`Directory`]: `item_type!(Alias, name: id, ...)`.
///
/// `Alias` is a type alias of a [`Root`]. Its implementation of `AttributeOperations<id>` is the attribute
/// `name`.
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
