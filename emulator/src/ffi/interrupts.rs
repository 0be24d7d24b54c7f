// SPDX-License-Identifier: GPL-2.0

//! Callbacks for instructions and events that change a vCPU's interrupt flag.

use super::qemu::*;
use super::{here, Here};
use crate::guest::{Cpu, Guest, RSP};
use crate::interrupts::Flag;
use crate::plugin::is_kernel;
use std::ffi::{c_int, c_uint, c_void};

/// Registers the callback for an instruction that changes the interrupt flag. False for any other instruction.
///
/// # Safety
///
/// `insn` is an instruction of the block that is being translated.
pub unsafe fn watch(insn: *mut Insn, va: u64) -> bool {
    let mut bytes = [0; 4];
    // SAFETY: by this function's contract; `bytes` has room for the length given.
    let got = unsafe { qemu_plugin_insn_data(insn, bytes.as_mut_ptr(), bytes.len()) };
    // SAFETY: as above.
    let size = unsafe { qemu_plugin_insn_size(insn) };
    let flag = bytes.get(..got.min(size)).and_then(Flag::of);
    // A longer instruction may begin with the same bytes. In user mode only `syscall` can have an effect.
    let (Some(flag), true) = (flag, size <= bytes.len() && got >= size) else {
        return false;
    };
    if !is_kernel(va) && flag != Flag::Off {
        return false;
    }
    let (callback, flags, data): (VcpuCb, c_int, u64) = match flag {
        Flag::Off => (on_off, CB_NO_REGS, 0),
        Flag::On => (on_on, CB_NO_REGS, 0),
        Flag::Popped(offset) => (on_popped, CB_R_REGS, offset),
    };
    let data = std::ptr::without_provenance_mut(crate::model::addr::index(data));
    // SAFETY: by this function's contract; the data is a number to the callback.
    unsafe { qemu_plugin_register_vcpu_insn_exec_cb(insn, callback, flags, data) };
    true
}

fn off(here: &Here) {
    let (vcpu, plugin) = (here.vcpu(), here.plugin());
    plugin.stretches().off(vcpu, here.instructions(vcpu));
}

/// The vCPU's interrupts are enabled.
pub fn on(here: &Here) {
    let (vcpu, plugin) = (here.vcpu(), here.plugin());
    plugin.stretches().on(vcpu, here.instructions(vcpu));
}

extern "C" fn on_off(vcpu: c_uint, _data: *mut c_void) {
    off(&here(vcpu));
}

extern "C" fn on_on(vcpu: c_uint, _data: *mut c_void) {
    on(&here(vcpu));
}

/// Reads the flags from the stack, `data` bytes above its pointer. Where the stack is not mapped the instruction
/// faults.
extern "C" fn on_popped(vcpu: c_uint, data: *mut c_void) {
    let here = here(vcpu);
    let place = here
        .register(RSP)
        .wrapping_add(crate::model::addr::number(data.addr()));
    let mut flags = [0; 8];
    if !here.read_virtual(place, &mut flags) {
        return;
    }
    if u64::from_le_bytes(flags) & Flag::BIT == 0 {
        off(&here);
    } else {
        on(&here);
    }
}

/// Called at an interrupt or an exception: all gates of the kernel switch interrupts off.
pub extern "C" fn on_gate(vcpu: c_uint, _kind: c_int, _from: u64, _to: u64, _data: *mut c_void) {
    off(&here(vcpu));
}
