// SPDX-License-Identifier: GPL-2.0

//! Instructions that the assembler does not know yet, each with a fault fixup.

use super::cpu::OnCpu;
use core::arch::asm;

pub(crate) use super::fault::Fault;

/// `EX_TYPE_FAULT` of `arch/x86/include/asm/extable_fixup_types.h`, as `shim.c` compares it: jump, with
/// the trap number in RAX.
pub(super) const EX_TYPE_FAULT: i32 = 2;

/// The end of an `asm!` block with one instruction, at label 1, that may fault.
///
/// It sets the operand `faulted` to 0. On a fault the kernel jumps behind that, with the vector in RAX.
/// Changes no flags. The operand `ex_type` has to be [`EX_TYPE_FAULT`].
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

/// RMPOPT: returns the carry flag, which tells whether the region is optimised on this core.
///
/// `rax` is a physical address in the region, `rcx` the function: 0 verify and report, 1 report
/// only.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] on a processor without it, and where the core's RMPOPT_EN is 0.
pub(crate) fn __rmpopt(_on: &OnCpu, rax: u64, rcx: u64) -> Result<bool, Fault> {
    let mut faulted = 1u8;
    let after: u64;
    let carry: u8;
    // SAFETY: RMPOPT reads no memory that the kernel knows of and changes only the core's own table
    // and CF; whatever it answers, all accesses stay checked where they must be. The fixup
    // turns a fault into a jump to label 2 with `faulted` left at 1, and a `mov` changes no flags.
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

/// RMPREAD: returns what the instruction leaves in EAX, and the 16 bytes that it writes.
///
/// `rax` is the physical address of a page. The bytes mean something where EAX is 0. The RMP is the
/// machine's, so the CPU does not matter.
///
/// # Errors
///
/// [`Fault::InvalidOpcode`] on a processor without it, and where SNP is off.
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
/// As the kernel's `array_index_nospec()`, for an index that user space chooses, after the bounds check:
/// a processor that mispredicts the check then reads nothing beyond the bounds.
pub(crate) fn index_nospec(index: u64, count: u64) -> u64 {
    let mask: u64;
    // SAFETY: Works on registers only. The carry of the comparison becomes the mask: there is no
    // branch to mispredict.
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
