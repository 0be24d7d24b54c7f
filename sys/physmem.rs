// SPDX-License-Identifier: GPL-2.0

//! Reading physical memory that is not the kernel's own, such as the RMP.

use super::shim;
use core::ptr::NonNull;
use kernel::{
    bindings,
    ffi,
    prelude::*, //
};

/// Physical memory, mapped for reading. This type offers nothing that writes.
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
// SAFETY: It is only read.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `words` words of 8 bytes from the address `start` on, which is a multiple of 8. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// EINVAL for an address that this processor cannot have; ENXIO where RAM of the kernel begins or
    /// ends in the range; ENOMEM.
    pub(crate) fn new(start: u64, words: usize) -> Result<Self> {
        let bytes = words.checked_mul(size_of::<u64>()).ok_or(EINVAL)?;
        let last = u64::try_from(bytes)
            .ok()
            .and_then(|len| len.checked_sub(1))
            .and_then(|last| start.checked_add(last))
            .ok_or(EINVAL)?;
        // memremap() warns about addresses that are too wide and about ranges that are RAM in part.
        // SAFETY: Reads what is fixed after boot.
        let bits = unsafe { shim::rmpopt_phys_bits() };
        if start % 8 != 0 || last.checked_shr(bits) != Some(0) {
            return Err(EINVAL);
        }
        // SAFETY: Any range may be asked for.
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
        // SAFETY: The range is within the processor's addresses; a write-back mapping is what the
        // kernel itself has of the RMP, so that no two types of caching meet.
        let addr =
            unsafe { bindings::memremap(start, bytes, bindings::MEMREMAP_WB as ffi::c_ulong) };
        // INVARIANT: Just mapped.
        Ok(Self {
            addr: NonNull::new(addr).ok_or(ENOMEM)?,
            words,
        })
    }

    /// Copies words to `out`, beginning with the word `first`. A word is read at once.
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
        // SAFETY: By the invariant; nobody reads it any more.
        unsafe { bindings::memunmap(self.addr.as_ptr()) };
    }
}
