// SPDX-License-Identifier: GPL-2.0

//! The callback that undoes an exception: see [`crate::resume`].

use super::qemu::*;
use super::{end_run, here, interrupts, RESUME};
use crate::resume::undo;
use std::ffi::{c_uint, c_void};

/// Registers the callback for an instruction that may be the first one of an exception handler. `resume` is where a
/// vCPU has the address at which it continues.
///
/// # Safety
///
/// `insn` is an instruction of the block that is being translated.
pub unsafe fn watch(insn: *mut Insn, resume: ScoreU64) {
    let none = std::ptr::null_mut();
    // SAFETY: by this function's contract; the scoreboard is never freed, and the callback takes no data.
    unsafe {
        qemu_plugin_register_vcpu_insn_exec_cond_cb(
            insn,
            on_handler,
            CB_RW_REGS_PC,
            COND_NE,
            resume,
            0,
            none,
        )
    }
}

/// Called where the vCPU continues elsewhere.
extern "C" fn on_handler(vcpu: c_uint, _data: *mut c_void) {
    let next = {
        let here = here(vcpu);
        let next = here.global.read_score(RESUME, u64::from(vcpu));
        here.resume_at(0);
        match undo(&here) {
            Ok(true) if here.plugin().watches_interrupts() => interrupts::on(&here),
            Ok(_) => (),
            Err(fatal) => end_run(&here, &fatal),
        }
        next
    };
    // SAFETY: the callback was registered for this. QEMU jumps out of it: nothing here waits to be dropped. The
    // instruction is the first one of its block, so that the flags are complete.
    unsafe { qemu_plugin_set_pc(next) }
}
