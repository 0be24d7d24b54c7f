// SPDX-License-Identifier: GPL-2.0

//! Executes the instruction after RMPOPT, which the plugin executes together with RMPOPT.

use crate::decode::{uses_carry, Consumer, CARRY_LENGTH};
use crate::guest::{Cpu, Next};
use crate::model::Fatal;

/// Up to `most` bytes of code at `pc`: fewer where the next page is not mapped.
fn code(pc: u64, most: usize, cpu: &dyn Cpu) -> Vec<u8> {
    let known = (1..=most).rev().find_map(|n| {
        let mut part = vec![0; n];
        cpu.read_virtual(pc, &mut part).then_some(part)
    });
    known.unwrap_or_default()
}

/// Executes the instruction after RMPOPT, because a plugin cannot set the carry flag.
pub fn consume(carry: bool, pc: u64, cpu: &dyn Cpu) -> Result<Next, Fatal> {
    let bytes = code(pc, Consumer::MAX_LENGTH, cpu);
    let Some(consumer) = Consumer::of(&bytes) else {
        return Err(Fatal(format!(
            "unknown consumer of RMPOPT's carry flag at {pc:#x}: {bytes:02x?}"
        )));
    };
    cpu.count_instruction();
    let next = match consumer {
        Consumer::Set {
            register,
            shift,
            negated,
            length,
        } => {
            let others = cpu.register(register) & !(0xff << shift);
            cpu.set_register(register, others | (u64::from(carry != negated) << shift));
            pc.wrapping_add(length)
        }
        Consumer::Jump {
            negated,
            length,
            offset,
        } => {
            let behind = pc.wrapping_add(length);
            if carry == negated {
                behind
            } else {
                behind.wrapping_add_signed(offset)
            }
        }
    };
    // QEMU's own flag has not changed: an instruction that used the flag again would read its old value.
    let bytes = code(next, CARRY_LENGTH, cpu);
    if uses_carry(&bytes) {
        return Err(Fatal(format!(
            "second consumer of RMPOPT's carry flag at {next:#x}: {bytes:02x?}"
        )));
    }
    Ok(Next::At(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::tests::Code;
    use crate::guest::{Guest, RBX};

    #[test]
    fn the_consumer_is_carried_out() {
        // setc %bl, then nothing, pushf, or test.
        for code in [
            &[0x0f, 0x92, 0xc3][..],
            &[0x0f, 0x92, 0xc3, 0x9c],
            &[0x0f, 0x92, 0xc3, 0x84, 0xdb],
        ] {
            let cpu = Code::new(code);
            cpu.set_register(RBX, 0x100);
            assert_eq!(consume(true, 0, &cpu), Ok(Next::At(3)));
            assert_eq!(cpu.register(RBX), 0x101);
            assert_eq!(cpu.instructions(0), 1);
        }
        // jc over a nop.
        for (carry, next) in [(true, 3), (false, 2)] {
            let cpu = Code::new(&[0x72, 1, 0x90, 0x90]);
            assert_eq!(consume(carry, 0, &cpu), Ok(Next::At(next)));
        }
    }

    #[test]
    fn what_would_read_a_stale_carry_flag_ends_the_run() {
        for (carry, code, what) in [
            (true, &[0x90, 0x90][..], "unknown consumer"),
            (true, &[], "unknown consumer"),
            // setc, then sbb, jc, or rcl.
            (true, &[0x0f, 0x92, 0xc3, 0x19, 0xc0], "second consumer"),
            (true, &[0x0f, 0x92, 0xc3, 0x72, 0x00], "second consumer"),
            (false, &[0x0f, 0x92, 0xc3, 0xd1, 0xd0], "second consumer"),
            // jc over a nop to a setc, taken.
            (true, &[0x72, 1, 0x90, 0x0f, 0x92, 0xc3], "second consumer"),
        ] {
            let result = consume(carry, 0, &Code::new(code));
            assert!(
                matches!(&result, Err(Fatal(why)) if why.contains(what)),
                "{code:x?}: {result:?}"
            );
        }
        let not_taken = Code::new(&[0x72, 1, 0x90, 0x0f, 0x92, 0xc3]);
        assert_eq!(consume(false, 0, &not_taken), Ok(Next::At(2)));
    }
}
