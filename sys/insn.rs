// SPDX-License-Identifier: GPL-2.0

//! RMPOPT and RMPREAD, which the assembler does not know yet, each with a fault fixup; and `index_nospec`.

use super::cpu::OnCpu;
use core::arch::asm;

pub(crate) use super::fault::Fault;

/// `EX_TYPE_FAULT` of `arch/x86/include/asm/extable_fixup_types.h`: the kernel jumps to the fixup, with the trap
/// number in RAX. `shim.c` checks the value at build time.
pub(super) const EX_TYPE_FAULT: i32 = 2;

/// The end of an `asm!` block with one instruction, at label 1, that may fault.
///
/// The `movb` sets the operand `faulted` to 0. On a fault the kernel jumps past the `movb`, with the vector in RAX.
/// The fixup changes no flags. The operand `ex_type` must be [`EX_TYPE_FAULT`].
macro_rules! fixup {
    () => {
        concat!(
            "movb $0, {faulted}\n",
            "2:\n",
            ".pushsection __ex_table, \"a\", @progbits\n",
            ".balign 4\n",
            ".long (1b) - .\n",
            ".long (2b) - .\n",
            ".long {ex_type}\n",
            ".popsection",
        )
    };
}
pub(super) use fixup;

/// Executes RMPOPT. Returns the carry flag, which says whether the region is optimised on this core.
///
/// `rax` is a physical address in the region, `rcx` the function: 0 verify and report, 1 report
/// only.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] on a processor without RMPOPT, and where the core's RMPOPT_EN is 0.
pub(crate) fn __rmpopt(_on: &OnCpu, rax: u64, rcx: u64) -> Result<bool, Fault> {
    let mut faulted = 1u8;
    let after: u64;
    let carry: u8;
    // SAFETY: RMPOPT accesses no memory that Rust or the kernel uses, and changes only the core's own table and CF.
    // Whatever it answers, the processor still checks all accesses that must be checked. The fixup turns a fault
    // into a jump to label 2 with `faulted` left at 1, and a `mov` changes no flags.
    unsafe {
        asm!(
            "1: .byte 0xf2, 0x0f, 0x01, 0xfc",
            "setc {carry}",
            fixup!(),
            inout("rax") rax => after,
            in("rcx") rcx,
            carry = out(reg_byte) carry,
            faulted = inout(reg_byte) faulted,
            ex_type = const EX_TYPE_FAULT,
            options(att_syntax, nostack),
        )
    };
    if faulted != 0 {
        return Err(Fault::from_vector(after));
    }
    Ok(carry != 0)
}

/// The 16 bytes that RMPREAD writes.
#[repr(C, align(16))]
struct RmpreadBuffer([u8; 16]);

/// Executes RMPREAD. Returns the value of EAX after the instruction, and the 16 bytes that the instruction writes.
///
/// `rax` is the physical address of a page. The bytes are valid only where EAX is 0. All CPUs share one RMP, so the
/// caller may run on any CPU.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] on a processor without RMPREAD, and where SNP is off.
pub(crate) fn __rmpread(rax: u64) -> Result<(u32, [u8; 16]), Fault> {
    let mut buffer = RmpreadBuffer([0; 16]);
    let mut faulted = 1u8;
    let after: u64;
    // SAFETY: RMPREAD reads the RMP and writes 16 bytes, the size of the buffer. The fixup turns
    // a fault into a jump to label 2 with `faulted` left at 1.
    unsafe {
        asm!(
            "1: .byte 0xf2, 0x0f, 0x01, 0xfd",
            fixup!(),
            inout("rax") rax => after,
            in("rcx") &raw mut buffer,
            faulted = inout(reg_byte) faulted,
            ex_type = const EX_TYPE_FAULT,
            options(att_syntax, nostack),
        )
    };
    if faulted != 0 {
        return Err(Fault::from_vector(after));
    }
    #[expect(clippy::cast_possible_truncation, reason = "EAX is the low half")]
    let code = after as u32;
    Ok((code, buffer.0))
}

/// Returns `index` where it is below `count`, else 0, also while the processor speculates.
///
/// This is the kernel's `array_index_nospec()`. It is for an index that user space chooses, after the bounds check:
/// a processor that mispredicts the check then reads nothing beyond the bounds.
pub(crate) fn index_nospec(index: u64, count: u64) -> u64 {
    let mask: u64;
    // SAFETY: The instructions access registers only. The carry of the comparison becomes the mask, so that there
    // is no branch to mispredict.
    unsafe {
        asm!(
            "cmp {count}, {index}",
            "sbb {mask}, {mask}",
            count = in(reg) count,
            index = in(reg) index,
            mask = lateout(reg) mask,
            options(att_syntax, nostack, nomem, pure),
        )
    };
    index & mask
}
