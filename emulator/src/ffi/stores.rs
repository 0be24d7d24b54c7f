// SPDX-License-Identifier: GPL-2.0

//! Callbacks for the guest's stores.

use super::qemu::*;
use super::{end_run, here, CHECKED, GLOBAL, SKIPPED};
use std::ffi::{c_uint, c_void};

/// Registers the callback for an instruction that has the form of a store to a device's register.
pub fn register_store(insn: *mut Insn) {
    if here(0).global.plugin.has_device() {
        // SAFETY: called in the translation callback of its block; the callback takes no data.
        unsafe {
            qemu_plugin_register_vcpu_mem_cb(
                insn,
                on_register_store,
                CB_NO_REGS,
                MEM_W,
                std::ptr::null_mut(),
            )
        };
    }
}

/// The physical address of a store. `None` for a store to a device of QEMU.
///
/// # Safety
///
/// The arguments are those of the memory callback that calls this.
unsafe fn stored_at(info: u32, va: u64) -> Option<u64> {
    // SAFETY: by this function's contract.
    let hwaddr = unsafe { qemu_plugin_get_hwaddr(info, va) };
    // SAFETY: just returned, valid in this callback.
    if hwaddr.is_null() || unsafe { qemu_plugin_hwaddr_is_io(hwaddr) } {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { qemu_plugin_hwaddr_phys_addr(hwaddr) })
}

extern "C" fn on_register_store(vcpu: c_uint, info: u32, va: u64, _data: *mut c_void) {
    // SAFETY: the arguments are those of this callback.
    let Some(pa) = (unsafe { stored_at(info, va) }) else {
        return;
    };
    let here = here(vcpu);
    if let Err(fatal) = here.global.plugin.register_stored(pa, &here) {
        end_run(&here, &fatal);
    }
}

pub extern "C" fn on_store(vcpu: c_uint, info: u32, va: u64, _data: *mut c_void) {
    let Some(global) = GLOBAL.get() else { return };
    // SAFETY: the arguments are those of this callback.
    let Some(pa) = (unsafe { stored_at(info, va) }) else {
        return;
    };
    match global.plugin.skips_check(u64::from(vcpu), pa) {
        Some(true) => global.add_score(SKIPPED, vcpu),
        Some(false) => global.add_score(CHECKED, vcpu),
        None => (),
    }
}
