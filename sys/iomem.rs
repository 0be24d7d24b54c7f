// SPDX-License-Identifier: GPL-2.0

//! The map of RAM, as in `/proc/iomem`.

use super::shim;
use kernel::{
    bindings,
    error::to_result,
    ffi,
    prelude::*, //
};

/// Calls `f` with the first and last address of each "System RAM" range, in ascending order.
///
/// May sleep, and so may `f`: the kernel locks the list only while it looks for the next range. So a range may have
/// been changed or removed before `f` is called with it.
///
/// # Errors
///
/// The error that `f` returned; EINVAL where there is no range.
pub(crate) fn for_each_ram(mut f: impl FnMut(u64, u64) -> Result) -> Result {
    let flags = bindings::IORESOURCE_SYSTEM_RAM | bindings::IORESOURCE_BUSY;
    // SAFETY: The callback gets back the pointer to `f`, which outlives the walk and which nobody else uses
    // during it.
    let status = unsafe {
        bindings::walk_iomem_res_desc(
            bindings::IORES_DESC_NONE as ffi::c_ulong,
            flags as ffi::c_ulong,
            0,
            u64::MAX,
            (&raw mut f).cast(),
            Some(call::<_>(&f)),
        )
    };
    to_result(status)
}

type Callback = unsafe extern "C" fn(*mut bindings::resource, *mut ffi::c_void) -> ffi::c_int;

/// The callback for the closure's type.
fn call<F: FnMut(u64, u64) -> Result>(_: &F) -> Callback {
    /// The kernel calls this in thread context, without locks.
    ///
    /// # Safety
    ///
    /// `res` is a valid resource, `data` the closure.
    unsafe extern "C" fn callback<F: FnMut(u64, u64) -> Result>(
        res: *mut bindings::resource,
        data: *mut ffi::c_void,
    ) -> ffi::c_int {
        // SAFETY: By the contract above.
        let (start, end) = unsafe { ((*res).start, (*res).end) };
        // SAFETY: By the contract above; nobody else has a reference.
        let f = unsafe { &mut *data.cast::<F>() };
        match f(start, end) {
            Ok(()) => 0,
            Err(e) => e.to_errno(),
        }
    }
    callback::<F>
}

/// The unit in bytes in which memory goes online and offline.
pub(crate) fn section_size() -> u64 {
    // SAFETY: Returns a constant.
    unsafe { shim::rmpopt_section_size() }
}

/// The NUMA node of the page at an address. `None` where there is no online page.
pub(crate) fn node_of(addr: u64) -> Option<u32> {
    // SAFETY: The function takes any frame number.
    let node = unsafe { shim::rmpopt_pfn_node(addr >> bindings::PAGE_SHIFT) };
    u32::try_from(node).ok()
}

/// The NUMA node that the firmware names for an address, which need not be RAM. `None` where it names no node.
pub(crate) fn described_node(addr: u64) -> Option<u32> {
    // SAFETY: The function takes any address.
    u32::try_from(unsafe { bindings::phys_to_target_node(addr) }).ok()
}
