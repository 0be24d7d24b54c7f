// SPDX-License-Identifier: GPL-2.0

//! RDMSR and WRMSR on the calling CPU, with a fault fixup.

use super::{
    cpu::OnCpu,
    insn::{
        fixup,
        Fault,
        EX_TYPE_FAULT, //
    },
};
use core::arch::asm;

/// The MSRs that the module reads. Reading them has no side effect.
///
/// Source: AMD64 Architecture Programmer's Manual, volume 2, 15.36; RMPOPT_BASE from AMD's patches
/// "Add RMPOPT support" of 2026. `sev/msr.rs` says what their values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Msr {
    /// System configuration. One per core. Writes are ignored once SnpEn is set.
    Syscfg = 0xc001_0010,
    /// Hardware configuration. One per core.
    Hwcr = 0xc001_0015,
    /// First byte of the RMP.
    RmpBase = 0xc001_0132,
    /// Last byte of a contiguous RMP.
    RmpEnd = 0xc001_0133,
    /// Form of the RMP. Only processors with the segmented RMP have this MSR.
    RmpCfg = 0xc001_0136,
    /// Window and switch of RMPOPT. One per core; the core's threads share it. The only MSR that the module writes.
    RmpoptBase = 0xc001_0139,
}

/// Reads an MSR of this CPU.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where the processor does not have the MSR.
pub(crate) fn read(_on: &OnCpu, msr: Msr) -> Result<u64, Fault> {
    let mut faulted = 1u8;
    let (low, high): (u64, u64);
    // SAFETY: Reading none of these MSRs changes anything. The fixup turns a fault into a jump to label
    // 2 with `faulted` left at 1.
    unsafe {
        asm!(
            "1: rdmsr",
            fixup!(),
            in("ecx") msr as u32,
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

/// Writes RMPOPT_BASE of this CPU.
///
/// # Errors
///
/// [`Fault::GeneralProtection`] where the processor does not have the MSR, or the value is not allowed now.
pub(crate) fn write_rmpopt_base(_on: &OnCpu, value: u64) -> Result<(), Fault> {
    let mut faulted = 1u8;
    let after: u64;
    // SAFETY: RMPOPT_BASE decides in which memory the core may skip checks after a successful RMPOPT; it permits no
    // access by itself. The fixup turns a fault into a jump to label 2 with `faulted` left at 1.
    unsafe {
        asm!(
            "1: wrmsr",
            fixup!(),
            in("ecx") Msr::RmpoptBase as u32,
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
