// SPDX-License-Identifier: GPL-2.0

//! Callbacks for the instructions that the plugin executes.
//!
//! A callback may not leave its block of instructions: see [`crate::resume`]. There are three ways.
//! - QEMU raises an exception for the instruction, which the plugin undoes.
//! - QEMU executes the instruction, too, and the plugin replaces its results before the next instruction: CPUID,
//!   RDMSR, `in`.
//! - QEMU executes the instruction, too, and that has no effect: WRMSR for registers that QEMU does not know.

use super::qemu::*;
use super::{end_run, here, Here};
use crate::decode::Instruction;
use crate::guest::{Cpu, Next, RAX, RBX, RCX, RDX};
use crate::model::addr::{index, number};
use std::ffi::{c_uint, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The registers that CPUID, RDMSR and `in` change.
const REPLACED: [usize; 4] = [RAX, RBX, RCX, RDX];

/// For each vCPU the values that these registers get after the instruction under way.
pub struct Results(Vec<Mutex<Option<[u64; REPLACED.len()]>>>);

impl Results {
    pub fn new(vcpus: u64) -> Self {
        Self((0..vcpus).map(|_| Mutex::new(None)).collect())
    }

    fn of(&self, vcpu: c_uint) -> Option<MutexGuard<'_, Option<[u64; REPLACED.len()]>>> {
        let place = self.0.get(index(u64::from(vcpu)));
        place.map(|place| place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Registers the callbacks for the instruction, whose place is `va`. `next` is the instruction after it in the block.
///
/// # Safety
///
/// `insn` and `next` are instructions of the block that is being translated.
pub unsafe fn watch(found: Instruction, insn: *mut Insn, va: u64, next: Option<*mut Insn>) {
    let data = std::ptr::without_provenance_mut(index(va));
    // SAFETY: by this function's contract; the data is a number to the callback.
    let on = |insn, callback, flags| unsafe {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, callback, flags, data)
    };
    match (found.has_result(), next) {
        (true, None) => on(insn, alone(found), CB_RW_REGS_PC),
        (true, Some(next)) => {
            on(insn, callback(found), CB_RW_REGS);
            on(next, on_replace, CB_RW_REGS);
        }
        (false, _) => on(insn, callback(found), CB_RW_REGS),
    }
}

/// Executes an instruction that a vCPU has reached. Returns the address at which the guest continues, if the plugin has
/// executed it.
fn execute(instruction: Instruction, here: &Here, pc: *mut c_void) -> Option<u64> {
    match here.plugin().execute(instruction, number(pc.addr()), here) {
        Ok(Next::Qemu) => None,
        Ok(Next::At(next)) => Some(next),
        Err(fatal) => end_run(here, &fatal),
    }
}

fn on_instruction(instruction: Instruction, vcpu: c_uint, pc: *mut c_void) {
    let here = here(vcpu);
    let Some(next) = execute(instruction, &here, pc) else {
        return;
    };
    if instruction.has_result() {
        if let Some(mut results) = here.global.results.of(vcpu) {
            *results = Some(REPLACED.map(|register| here.register(register)));
        }
    } else if instruction.is_unknown() {
        here.resume_at(next);
    }
}

/// Executes an instruction that has a result and is the last one of its block. An interrupt may save wrong flags here.
/// QEMU ends a block behind each `in`, which the plugin executes a few times while the kernel looks for PCI devices; the
/// others end a block only at the end of a page.
fn on_last(instruction: Instruction, vcpu: c_uint, pc: *mut c_void) {
    let next = execute(instruction, &here(vcpu), pc);
    if let Some(next) = next {
        // SAFETY: the callback was registered for this. QEMU jumps out of it: nothing here waits to be dropped.
        unsafe { qemu_plugin_set_pc(next) }
    }
}

/// Replaces the results of the instruction before.
extern "C" fn on_replace(vcpu: c_uint, _data: *mut c_void) {
    let here = here(vcpu);
    let results = here.global.results.of(vcpu).and_then(|mut r| r.take());
    for (register, value) in REPLACED.iter().zip(results.iter().flatten()) {
        here.set_register(*register, *value);
    }
}

macro_rules! callbacks {
    ($($on:ident, $last:ident => $instruction:ident,)+) => {
        $(
            extern "C" fn $on(vcpu: c_uint, pc: *mut c_void) {
                on_instruction(Instruction::$instruction, vcpu, pc);
            }

            extern "C" fn $last(vcpu: c_uint, pc: *mut c_void) {
                on_last(Instruction::$instruction, vcpu, pc);
            }
        )+

        fn callback(instruction: Instruction) -> VcpuCb {
            match instruction { $(Instruction::$instruction => $on,)+ }
        }

        fn alone(instruction: Instruction) -> VcpuCb {
            match instruction { $(Instruction::$instruction => $last,)+ }
        }
    };
}

callbacks! {
    on_cpuid, last_cpuid => Cpuid,
    on_rdmsr, last_rdmsr => Rdmsr,
    on_wrmsr, last_wrmsr => Wrmsr,
    on_rmpread, last_rmpread => Rmpread,
    on_rmpupdate, last_rmpupdate => Rmpupdate,
    on_psmash, last_psmash => Psmash,
    on_rmpopt, last_rmpopt => Rmpopt,
    on_in, last_in => In,
    on_out, last_out => Out,
}
