// SPDX-License-Identifier: GPL-2.0

//! RDMSR and WRMSR on the CPU that the caller is on, with a fault fixup.

use super::{
    cpu::OnCpu,
    insn::{
        fixup,
        Fault,
        EX_TYPE_FAULT, //
    },
};
use core::arch::asm;

/// Reads an MSR of this CPU.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where there is no such MSR.
pub(crate) fn read(_on: &OnCpu, msr: u32) -> Result<u64, Fault> {
    let mut faulted = 1u8;
    let (low, high): (u64, u64);
    // SAFETY: None of the MSRs that `sev/` names changes anything by being read, and the fixup
    // turns a fault into a jump to label 2 with `faulted` left at 1.
    unsafe {
        asm!(
            "1: rdmsr",
            fixup!(),
            in("ecx") msr,
            out("rax") low,
            out("rdx") high,
            faulted = inout(reg_byte) faulted,
            ex_type = const EX_TYPE_FAULT,
            options(att_syntax, nostack, nomem),
        )
    };
    if faulted != 0 {
        return Err(Fault::from_vector(low));
    }
    Ok((high << 32) | (low & 0xffff_ffff))
}

/// RMPOPT_BASE, the one MSR that may be written.
pub(crate) const RMPOPT_BASE: u32 = 0xc001_0139;

/// Writes RMPOPT_BASE of this CPU.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where there is no such MSR or the value is not allowed now.
pub(crate) fn write_rmpopt_base(_on: &OnCpu, value: u64) -> Result<(), Fault> {
    let mut faulted = 1u8;
    let after: u64;
    // SAFETY: RMPOPT_BASE decides where checks may be skipped after a successful RMPOPT and opens no
    // access by itself. The fixup turns a fault into a jump to
    // label 2 with `faulted` left at 1.
    unsafe {
        asm!(
            "1: wrmsr",
            fixup!(),
            in("ecx") RMPOPT_BASE,
            inout("rax") value & 0xffff_ffff => after,
            in("rdx") value >> 32,
            faulted = inout(reg_byte) faulted,
            ex_type = const EX_TYPE_FAULT,
            options(att_syntax, nostack),
        )
    };
    if faulted != 0 {
        return Err(Fault::from_vector(after));
    }
    Ok(())
}
