// SPDX-License-Identifier: GPL-2.0

//! Makes QEMU discard translations of breakpoints that the kernel has removed.
//!
//! The kernel changes running code by way of `int3`, which it overwrites last. QEMU discards its translation before
//! that store. A vCPU that translates the code between the two keeps a translation of the `int3`, and executes it
//! again and again, which a processor would not do. Without this file the kernel crashes on a busy machine where ftrace
//! attaches or detaches.

use super::here;
use super::qemu::*;
use crate::guest::Cpu;
use crate::model::addr::{index, number};
use crate::plugin::is_kernel;
use std::ffi::{c_uint, c_void};

const INT3: u8 = 0xcc;

/// Registers the callback [`on_breakpoint`] for the instruction, if it is a breakpoint of the kernel.
///
/// # Safety
///
/// `insn` is an instruction of the block that is being translated, at `va`.
pub unsafe fn watch(insn: *mut Insn, va: u64) {
    let mut byte = [0];
    // SAFETY: by this function's contract; `byte` has room for the length given.
    let got = unsafe { qemu_plugin_insn_data(insn, byte.as_mut_ptr(), byte.len()) };
    if got != 1 || byte != [INT3] || !is_kernel(va) {
        return;
    }
    let data = std::ptr::without_provenance_mut(index(va));
    // SAFETY: as above; the data is a number to the callback.
    unsafe { qemu_plugin_register_vcpu_insn_exec_cb(insn, on_breakpoint, CB_RW_REGS, data) };
}

/// QEMU raises #BP after this callback, which the plugin undoes. Then the vCPU executes what is there now.
extern "C" fn on_breakpoint(vcpu: c_uint, pc: *mut c_void) {
    let va = number(pc.addr());
    let here = here(vcpu);
    let mut byte = [INT3];
    if !here.read_virtual(va, &mut byte) || byte == [INT3] {
        return;
    }
    // A write makes QEMU discard its translation of this code.
    if !here.write_virtual(va, &byte) {
        return;
    }
    eprintln!("rmpopt-emulator: QEMU ran a breakpoint at {va:#x} that was gone: translated again");
    here.resume_at(va);
}
