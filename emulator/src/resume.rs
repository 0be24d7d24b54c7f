// SPDX-License-Identifier: GPL-2.0

//! Continues the guest behind an instruction that the plugin has executed instead of QEMU.
//!
//! QEMU does not store the flags themselves. It stores operands of the last operation that has set them, and in the
//! middle of a translated block only the translator knows which operation that was. A callback that leaves the block
//! there makes QEMU take operands for flags. An interrupt that comes next saves them on its stack, and the return from
//! it loads a word in which any bit may be set: the guest ends in a double fault.
//!
//! When QEMU delivers an exception it computes the flags. So the plugin executes the instruction, and lets QEMU raise
//! the exception that QEMU has for it: #UD for an instruction that QEMU does not know, #BP for a breakpoint. When the
//! vCPU reaches the first instruction of the kernel's handler, the plugin undoes the delivery, and the vCPU continues
//! behind the instruction. The kernel executes nothing in between.

use crate::guest::{Cpu, RSP};
use crate::interrupts::Flag;
use crate::model::Fatal;

/// What the processor pushes for an exception without an error code: RIP, CS, RFLAGS, RSP, SS.
const FRAME: usize = 5;
/// Places in the frame.
const FRAME_FLAGS: usize = 2;
const FRAME_RSP: usize = 3;

/// Whether an instruction is `endbr64`, with which each handler of the kernel begins (CONFIG_X86_KERNEL_IBT).
pub fn begins_handler(bytes: &[u8]) -> bool {
    bytes == [0xf3, 0x0f, 0x1e, 0xfa]
}

/// Undoes the delivery of an exception without error code, before the handler's first instruction. Returns whether
/// interrupts were enabled and are again.
pub fn undo(cpu: &dyn Cpu) -> Result<bool, Fatal> {
    let stack = cpu.register(RSP);
    let mut bytes = [0; FRAME * 8];
    if !cpu.read_virtual(stack, &mut bytes) {
        return Err(Fatal(format!(
            "the frame of an exception at {stack:#x} is not mapped"
        )));
    }
    let word = |place: usize| {
        let word = bytes.chunks_exact(8).nth(place);
        let word = word.and_then(|word| word.try_into().ok());
        word.map_or(0, u64::from_le_bytes)
    };
    cpu.set_register(RSP, word(FRAME_RSP));
    // The delivery has cleared no other flag that kernel code sets.
    let enabled = word(FRAME_FLAGS) & Flag::BIT != 0;
    if enabled {
        cpu.enable_interrupts();
    }
    Ok(enabled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::tests::Code;

    /// RIP 1, CS 2, these flags, RSP 4, SS 5.
    const fn frame(flags: u8) -> [u8; FRAME * 8] {
        let mut bytes = [0; FRAME * 8];
        bytes[0] = 1;
        bytes[8] = 2;
        bytes[17] = flags;
        bytes[24] = 4;
        bytes[32] = 5;
        bytes
    }

    static ENABLED: [u8; FRAME * 8] = frame(2);
    static DISABLED: [u8; FRAME * 8] = frame(0x8c);

    #[test]
    fn stack_and_interrupt_flag_are_as_before() {
        for (bytes, enabled) in [(&ENABLED, true), (&DISABLED, false)] {
            let cpu = Code::new(bytes);
            assert_eq!(undo(&cpu), Ok(enabled));
            assert_eq!((cpu.register(RSP), cpu.enabled.get()), (4, enabled));
        }
    }

    #[test]
    fn a_stack_that_is_not_mapped() {
        assert!(undo(&Code::new(&[7])).is_err());
    }
}
