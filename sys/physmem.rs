// SPDX-License-Identifier: GPL-2.0

//! Reads physical memory that the kernel does not use itself, such as the RMP.

use super::shim;
use core::ptr::NonNull;
use kernel::{
    bindings,
    ffi,
    prelude::*, //
};

/// Physical memory, mapped for reading. This type has no method that writes.
///
/// # Invariants
///
/// `addr` is a mapping by memremap() of `words` words of 8 bytes.
pub(crate) struct Mapping {
    addr: NonNull<ffi::c_void>,
    words: usize,
}

// SAFETY: The mapping belongs to no task.
unsafe impl Send for Mapping {}
// SAFETY: The mapping is only read.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `words` words of 8 bytes from the address `start` on. May sleep.
    ///
    /// # Errors
    ///
    /// EINVAL where `start` is no multiple of 8 or the range exceeds this processor's physical addresses; ENXIO
    /// where RAM of the kernel begins or ends in the range; ENOMEM.
    pub(crate) fn new(start: u64, words: usize) -> Result<Self> {
        let bytes = words.checked_mul(size_of::<u64>()).ok_or(EINVAL)?;
        let last = u64::try_from(bytes)
            .ok()
            .and_then(|len| len.checked_sub(1))
            .and_then(|last| start.checked_add(last))
            .ok_or(EINVAL)?;
        // The checks come first because memremap() warns about addresses that are too wide and about ranges
        // that are partly RAM.
        // SAFETY: Reads a number that is fixed after boot.
        let bits = unsafe { shim::rmpopt_phys_bits() };
        if start % 8 != 0 || last.checked_shr(bits) != Some(0) {
            return Err(EINVAL);
        }
        // SAFETY: The function takes any range.
        let ram = unsafe {
            bindings::region_intersects(
                start,
                bytes,
                bindings::IORESOURCE_SYSTEM_RAM as ffi::c_ulong,
                bindings::IORES_DESC_NONE as ffi::c_ulong,
            )
        };
        if u32::try_from(ram) == Ok(bindings::REGION_MIXED) {
            return Err(ENXIO);
        }
        // SAFETY: The range is within the processor's addresses. The kernel's own mapping of the RMP is
        // write-back too, so that no two types of caching conflict.
        let addr =
            unsafe { bindings::memremap(start, bytes, bindings::MEMREMAP_WB as ffi::c_ulong) };
        // INVARIANT: Just mapped.
        Ok(Self {
            addr: NonNull::new(addr).ok_or(ENOMEM)?,
            words,
        })
    }

    /// Copies words to `out`, beginning with the word `first`. Each word is read in one access.
    ///
    /// # Errors
    ///
    /// EINVAL beyond the end of the mapping; EFAULT where the memory cannot be read.
    pub(crate) fn read(&self, first: usize, out: &mut [u64]) -> Result {
        let end = first.checked_add(out.len()).ok_or(EINVAL)?;
        if end > self.words {
            return Err(EINVAL);
        }
        // SAFETY: The source lies in the mapping by the invariant and the check, the destination is
        // `out`. A fault at the source ends in an error.
        let status = unsafe {
            let source = self.addr.as_ptr().cast::<u64>().add(first);
            let bytes = size_of_val(out);
            bindings::copy_from_kernel_nofault(out.as_mut_ptr().cast(), source.cast(), bytes)
        };
        if status == 0 {
            Ok(())
        } else {
            Err(EFAULT)
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the invariant; nobody uses the mapping any more.
        unsafe { bindings::memunmap(self.addr.as_ptr()) };
    }
}
