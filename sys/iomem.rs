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
/// May sleep, and so may `f`: the list is locked from one range to the next only, so that a range may
/// have changed or gone by the time `f` sees it.
///
/// # Errors
///
/// What `f` returned; EINVAL where there is no range at all.
pub(crate) fn for_each_ram(mut f: impl FnMut(u64, u64) -> Result) -> Result {
    let flags = bindings::IORESOURCE_SYSTEM_RAM | bindings::IORESOURCE_BUSY;
    // SAFETY: `call` gets back the pointer to `f`, which outlives the walk and is not used by anybody
    // else meanwhile.
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

/// The callback that fits the closure's type.
fn call<F: FnMut(u64, u64) -> Result>(_: &F) -> Callback {
    /// Called in thread context by the walk, without locks.
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

/// The NUMA node of the page at an address. `None` where no online page is.
pub(crate) fn node_of(addr: u64) -> Option<u32> {
    // SAFETY: Any frame number may be asked for.
    let node = unsafe { shim::rmpopt_pfn_node(addr >> bindings::PAGE_SHIFT) };
    u32::try_from(node).ok()
}

/// The NUMA node that the firmware names for an address, RAM or not. `None` where it names none.
pub(crate) fn described_node(addr: u64) -> Option<u32> {
    // SAFETY: Any address may be asked for.
    u32::try_from(unsafe { bindings::phys_to_target_node(addr) }).ok()
}
