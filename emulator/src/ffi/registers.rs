// SPDX-License-Identifier: GPL-2.0

//! The handles by which QEMU gives access to registers of a vCPU.

use super::qemu::*;
use super::{die, VIOLATION};
use crate::model::addr::index;
use std::ffi::{c_uint, c_void, CStr};
use std::sync::OnceLock;

/// The general registers in the order that instructions encode them, then the flags.
const NAMES: [&str; 17] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15", "eflags",
];
/// The place of the flags in [`NAMES`]. The register has 4 bytes, the others have 8.
pub const FLAGS: usize = 16;
/// A handle is QEMU's pointer, stored as an address.
static HANDLES: OnceLock<[usize; NAMES.len()]> = OnceLock::new();

/// The handle of a register.
pub fn handle(register: usize) -> *mut c_void {
    match HANDLES.get().and_then(|all| all.get(register)) {
        Some(handle) => std::ptr::without_provenance_mut(*handle),
        None => die("a register was used before its vCPU was there", VIOLATION),
    }
}

/// Finds the handles. Called when a vCPU is initialised.
pub extern "C" fn find(_vcpu: c_uint, _data: *mut c_void) {
    HANDLES.get_or_init(|| {
        // SAFETY: called in the vCPU's init callback, as it has to be.
        let array = unsafe { qemu_plugin_get_registers() };
        // SAFETY: QEMU returned an array that is ours now.
        let (data, len) = unsafe { ((*array).data, (*array).len) };
        let mut handles = [None; NAMES.len()];
        for i in 0..index(u64::from(len)) {
            // SAFETY: the array holds `len` descriptors.
            let found = unsafe { &*data.cast::<RegisterDescriptor>().add(i) };
            // SAFETY: the name is a string that QEMU keeps.
            let name = unsafe { CStr::from_ptr(found.name) };
            for (place, wanted) in handles.iter_mut().zip(NAMES) {
                if name.to_bytes() == wanted.as_bytes() {
                    *place = Some(found.handle.addr());
                }
            }
        }
        // SAFETY: ours, freed once; the handles in it are not pointers into it.
        unsafe { g_array_free(array, 1) };
        handles.map(|handle| match handle {
            Some(handle) => handle,
            None => die("QEMU does not offer all registers", VIOLATION),
        })
    });
}
