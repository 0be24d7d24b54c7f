// SPDX-License-Identifier: GPL-2.0

//! Read-only debugfs files whose text is created once, when the file is opened.
//!
//! The kernel crate's debugfs files have no owner, so that an open file survives the module that
//! created it. The files of this room have an owner: an open file keeps the module loaded. Their mode is
//! 0400 and they can only be read, which is all that lockdown allows.

use super::compat;
use core::fmt;
use kernel::{
    bindings,
    ffi,
    prelude::*,
    sync::Arc, //
};

/// The text of a file.
pub(crate) struct Text {
    bytes: KVVec<u8>,
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.bytes
            .extend_from_slice(s.as_bytes(), GFP_KERNEL)
            .map_err(|_| fmt::Error)
    }
}

/// Creates the text of a file. Called in the context of the process that opens the file; may sleep.
///
/// The second argument is the `argument` of [`Files::add`]. open(2) fails with the error that is returned.
pub(crate) type Show<T> = fn(&T, u32, &mut Text) -> Result;

/// The data to which the inode points.
struct File<T> {
    context: Arc<T>,
    show: Show<T>,
    argument: u32,
}

/// A directory at the root of debugfs. Dropping the value removes the directory and everything in it.
///
/// # Invariants
///
/// `dir` is a directory of debugfs, or an error pointer where debugfs is off.
struct Root {
    dir: *mut bindings::dentry,
}

impl Drop for Root {
    fn drop(&mut self) {
        // SAFETY: By the invariant; error pointers are accepted. Waits for operations under way.
        unsafe { bindings::debugfs_remove(self.dir) };
    }
}

/// A directory to which files can be added.
#[derive(Clone, Copy)]
pub(crate) struct Dir(*mut bindings::dentry);

/// A tree of files that share a context.
pub(crate) struct Files<T: Send + Sync + 'static> {
    // Dropped first: no operation uses a `File` after that.
    root: Root,
    files: KVec<KBox<File<T>>>,
}

// SAFETY: The dentry may be removed from any thread.
unsafe impl<T: Send + Sync + 'static> Send for Files<T> {}
// SAFETY: There is no operation that changes anything through a shared reference.
unsafe impl<T: Send + Sync + 'static> Sync for Files<T> {}

impl<T: Send + Sync + 'static> Files<T> {
    /// Creates a directory at the root of debugfs. May sleep.
    ///
    /// Where debugfs is off or the name is taken, no files appear and there is no error: missing status must
    /// not keep the module from working.
    pub(crate) fn new(name: &CStr) -> Self {
        // SAFETY: The name is copied.
        let dir =
            unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) };
        // INVARIANT: Just created.
        Self {
            root: Root { dir },
            files: KVec::new(),
        }
    }

    /// The root directory of this tree.
    pub(crate) fn root(&self) -> Dir {
        Dir(self.root.dir)
    }

    /// Creates a directory in the root directory of this tree. May sleep.
    pub(crate) fn subdir(&mut self, name: &CStr) -> Dir {
        // SAFETY: The name is copied, the parent lives as long as `self`.
        Dir(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), self.root.dir) })
    }

    /// Adds a file to a directory of this tree. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn add(
        &mut self,
        dir: Dir,
        name: &CStr,
        context: Arc<T>,
        show: Show<T>,
        argument: u32,
    ) -> Result {
        let file = KBox::new(
            File {
                context,
                show,
                argument,
            },
            GFP_KERNEL,
        )?;
        let data: *const File<T> = &raw const *file;
        self.files.push(file, GFP_KERNEL)?;
        // SAFETY: The box outlives the dentry by the order of the fields; `OPS` takes a `File<T>`.
        unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                dir.0,
                data.cast_mut().cast(),
                core::ptr::null(),
                Self::OPS,
            )
        };
        Ok(())
    }

    const OPS: &'static bindings::file_operations = &bindings::file_operations {
        owner: compat::this_module(),
        open: Some(Self::open),
        read: Some(Self::read),
        llseek: Some(bindings::default_llseek),
        release: Some(Self::release),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// The inode's private pointer is a `File<T>`, and `file` is being opened.
    unsafe extern "C" fn open(
        inode: *mut bindings::inode,
        file: *mut bindings::file,
    ) -> ffi::c_int {
        // SAFETY: By the contract above; debugfs does not remove the file during the call.
        let data = unsafe { &*(*inode).i_private.cast::<File<T>>() };
        let mut text = Text {
            bytes: KVVec::new(),
        };
        if let Err(e) = (data.show)(&data.context, data.argument, &mut text) {
            return e.to_errno();
        }
        match KBox::new(text, GFP_KERNEL) {
            // SAFETY: By the contract above nobody else uses `file` yet.
            Ok(text) => unsafe { (*file).private_data = KBox::into_raw(text).cast() },
            Err(e) => return Error::from(e).to_errno(),
        }
        0
    }

    /// # Safety
    ///
    /// `file` was opened by [`Self::open`]; the other arguments are those of read(2).
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        buffer: *mut ffi::c_char,
        count: usize,
        offset: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: By the contract above; the text does not change until it is released.
        let text = unsafe { &*(*file).private_data.cast::<Text>() };
        // SAFETY: The source is `len` bytes long, the rest is as the caller promised.
        unsafe {
            bindings::simple_read_from_buffer(
                buffer.cast(),
                count,
                offset,
                text.bytes.as_ptr().cast(),
                text.bytes.len(),
            )
        }
    }

    /// # Safety
    ///
    /// `file` was opened by [`Self::open`] and nobody uses it any more.
    unsafe extern "C" fn release(
        _inode: *mut bindings::inode,
        file: *mut bindings::file,
    ) -> ffi::c_int {
        // SAFETY: By the contract above; `open` created the box.
        drop(unsafe { KBox::from_raw((*file).private_data.cast::<Text>()) });
        0
    }
}
