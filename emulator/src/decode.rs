// SPDX-License-Identifier: GPL-2.0

//! Decodes the few instructions that the emulator handles, from their bytes.

/// An instruction that the emulator executes instead of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Instruction {
    Cpuid,
    Rdmsr,
    Wrmsr,
    Rmpread,
    Rmpupdate,
    Psmash,
    Rmpopt,
    /// `in` of 4 bytes from the port in DX.
    In,
    /// `out` of 4 bytes to the port in DX.
    Out,
}

impl Instruction {
    /// Decodes the bytes of one instruction, whose length QEMU has found.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0x0f, 0xa2] => Self::Cpuid,
            [0x0f, 0x32] => Self::Rdmsr,
            [0x0f, 0x30] => Self::Wrmsr,
            [0xf2, 0x0f, 0x01, 0xfd] => Self::Rmpread,
            [0xf2, 0x0f, 0x01, 0xfe] => Self::Rmpupdate,
            [0xf3, 0x0f, 0x01, 0xff] => Self::Psmash,
            [0xf2, 0x0f, 0x01, 0xfc] => Self::Rmpopt,
            [0xed] => Self::In,
            [0xef] => Self::Out,
            _ => return None,
        })
    }

    /// Whether QEMU knows the instruction and gives results for it.
    pub fn has_result(self) -> bool {
        matches!(self, Self::Cpuid | Self::Rdmsr | Self::In)
    }

    /// Whether QEMU raises #UD for the instruction.
    pub fn is_unknown(self) -> bool {
        matches!(
            self,
            Self::Rmpread | Self::Rmpupdate | Self::Psmash | Self::Rmpopt
        )
    }

    /// The instruction's length in bytes.
    pub fn length(self) -> u64 {
        match self {
            Self::In | Self::Out => 1,
            Self::Cpuid | Self::Rdmsr | Self::Wrmsr => 2,
            Self::Rmpread | Self::Rmpupdate | Self::Psmash | Self::Rmpopt => 4,
        }
    }

    /// Whether any of these instructions has that length.
    pub fn possible(length: usize) -> bool {
        matches!(length, 1 | 2 | 4)
    }
}

/// Whether the bytes are `mov %edi,(%rsi)`: the store of the kernel's iowrite32(value, address), whose arguments are in
/// these registers.
pub fn is_register_store(bytes: &[u8]) -> bool {
    bytes == [0x89, 0x3e]
}

/// The instruction after RMPOPT, which uses RMPOPT's carry flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// `setc` or `setnc`: writes the flag, negated or not, to byte `shift / 8` of register `register`.
    Set {
        /// Number of the register.
        register: usize,
        /// Position of the byte in the register, in bits.
        shift: u32,
        /// The byte becomes 1 for CF 0.
        negated: bool,
        /// Length of the instruction.
        length: u64,
    },
    /// `jc` or `jnc`: continues `length + offset` bytes after its start if it jumps, else `length` bytes after it.
    Jump {
        /// The instruction jumps for CF 0.
        negated: bool,
        /// Length of the instruction.
        length: u64,
        /// Signed distance.
        offset: i64,
    },
}

impl Consumer {
    /// The length of the longest of these instructions.
    pub const MAX_LENGTH: usize = 6;

    /// Decodes the consumer at the beginning of `bytes`.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [op @ (0x72 | 0x73), offset, ..] => Some(Self::Jump {
                negated: op == 0x73,
                length: 2,
                offset: i64::from(i8::from_le_bytes([offset])),
            }),
            [0x0f, op @ (0x82 | 0x83), a, b, c, d, ..] => Some(Self::Jump {
                negated: op == 0x83,
                length: 6,
                offset: i64::from(i32::from_le_bytes([a, b, c, d])),
            }),
            [0x0f, op @ (0x92 | 0x93), modrm @ 0xc0..=0xff, ..] => {
                // Without a REX prefix 4 to 7 are the high bytes of the first four registers.
                let number = usize::from(modrm & 7);
                let (register, shift) = if number < 4 {
                    (number, 0)
                } else {
                    (number - 4, 8)
                };
                Some(Self::Set {
                    register,
                    shift,
                    negated: op == 0x93,
                    length: 3,
                })
            }
            [rex @ 0x40..=0x4f, 0x0f, op @ (0x92 | 0x93), modrm @ 0xc0..=0xff, ..] => {
                Some(Self::Set {
                    register: usize::from((modrm & 7) | ((rex & 1) << 3)),
                    shift: 0,
                    negated: op == 0x93,
                    length: 4,
                })
            }
            _ => None,
        }
    }
}

/// The number of bytes that [`uses_carry`] needs: three prefixes, two bytes of opcode, and those that select the
/// operation.
pub const CARRY_LENGTH: usize = 7;

/// Whether the instruction at the beginning of `bytes` uses the carry flag. `pushf` does not count, although it stores
/// the flag among others.
pub fn uses_carry(bytes: &[u8]) -> bool {
    let prefix = |b: &u8| {
        matches!(
            b,
            0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
        )
    };
    let first = bytes.iter().position(|b| !prefix(b));
    let (prefixes, instruction) = bytes.split_at(first.unwrap_or(bytes.len()));
    match instruction {
        // adc, sbb; jc, jnc, jbe, ja; lahf; cmc.
        [0x10..=0x15 | 0x18..=0x1d | 0x72 | 0x73 | 0x76 | 0x77 | 0x9f | 0xf5, ..] => true,
        // adc and sbb of a constant, rcl and rcr.
        [0x80 | 0x81 | 0x83 | 0xc0 | 0xc1 | 0xd0..=0xd3, modrm, ..] => {
            matches!((modrm >> 3) & 7, 2 | 3)
        }
        // The same conditions of cmov, jumps and set; adcx.
        [0x0f, 0x42 | 0x43 | 0x46 | 0x47, ..]
        | [0x0f, 0x82 | 0x83 | 0x86 | 0x87, ..]
        | [0x0f, 0x92 | 0x93 | 0x96 | 0x97, ..] => true,
        [0x0f, 0x38, 0xf6, ..] => prefixes.contains(&0x66),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_the_carry_flag() {
        for bytes in [
            &[0x72, 0x10][..],
            &[0x2e, 0x73, 0x10],
            &[0x76, 0x10],
            &[0x77, 0x10],
            &[0x0f, 0x82, 0, 1, 0, 0],
            &[0x0f, 0x87, 0, 1, 0, 0],
            &[0x0f, 0x92, 0xc0],
            &[0x0f, 0x93, 0x45, 0x10],
            &[0x41, 0x0f, 0x97, 0xc1],
            &[0x48, 0x0f, 0x42, 0xc1],
            &[0x0f, 0x47, 0xc1],
            &[0x11, 0xc0],
            &[0x48, 0x83, 0xd0, 0],
            &[0x48, 0x19, 0xc0],
            &[0x66, 0x81, 0xdb, 0, 0],
            &[0x48, 0xd1, 0xd0],
            &[0xc1, 0xd8, 3],
            &[0x9f],
            &[0xf5],
            &[0x66, 0x48, 0x0f, 0x38, 0xf6, 0xc1],
        ] {
            assert!(uses_carry(bytes), "{bytes:x?}");
        }
        for bytes in [
            // pushf; test, xor, movzx, mov, jz, setz, cmovz, add and shl of a constant; adox.
            &[0x9c][..],
            &[0x84, 0xc0],
            &[0x31, 0xc0],
            &[0x0f, 0xb6, 0xc0],
            &[0x48, 0x89, 0x10],
            &[0x74, 0x10],
            &[0x0f, 0x94, 0xc0],
            &[0x0f, 0x44, 0xc1],
            &[0x83, 0xc0, 1],
            &[0xc1, 0xe0, 3],
            &[0xf3, 0x0f, 0x38, 0xf6, 0xc1],
            &[0x48],
            &[],
        ] {
            assert!(!uses_carry(bytes), "{bytes:x?}");
        }
    }

    #[test]
    fn instructions() {
        for (bytes, expected) in [
            (&[0x0f, 0xa2][..], Some(Instruction::Cpuid)),
            (&[0x0f, 0x32], Some(Instruction::Rdmsr)),
            (&[0x0f, 0x30], Some(Instruction::Wrmsr)),
            (&[0xf2, 0x0f, 0x01, 0xfc], Some(Instruction::Rmpopt)),
            (&[0xf2, 0x0f, 0x01, 0xfd], Some(Instruction::Rmpread)),
            (&[0xf2, 0x0f, 0x01, 0xfe], Some(Instruction::Rmpupdate)),
            (&[0xf3, 0x0f, 0x01, 0xff], Some(Instruction::Psmash)),
            (&[0xf3, 0x0f, 0x01, 0xfc], None),
            (&[0xed], Some(Instruction::In)),
            (&[0xef], Some(Instruction::Out)),
            (&[0xec], None),
            (&[0x0f, 0x31], None),
        ] {
            assert_eq!(Instruction::of(bytes), expected);
        }
        assert_eq!(Instruction::In.length(), 1);
        assert_eq!(Instruction::Rmpopt.length(), 4);
        assert!(is_register_store(&[0x89, 0x3e]));
        assert!(!is_register_store(&[0x48, 0x89, 0x3e]));
        assert_eq!(Instruction::Cpuid.length(), 2);
    }

    #[test]
    fn consumers() {
        let set = |register, shift, negated, length| {
            Some(Consumer::Set {
                register,
                shift,
                negated,
                length,
            })
        };
        let jump = |negated, length, offset| {
            Some(Consumer::Jump {
                negated,
                length,
                offset,
            })
        };
        for (bytes, expected) in [
            (&[0x0f, 0x92, 0xc0, 0x90][..], set(0, 0, false, 3)),
            (&[0x0f, 0x92, 0xc3], set(3, 0, false, 3)),
            (&[0x0f, 0x92, 0xc4], set(0, 8, false, 3)),
            (&[0x0f, 0x93, 0xc7], set(3, 8, true, 3)),
            (&[0x40, 0x0f, 0x92, 0xc6], set(6, 0, false, 4)),
            (&[0x41, 0x0f, 0x92, 0xc1], set(9, 0, false, 4)),
            (&[0x0f, 0x92, 0x00], None),
            (&[0x0f, 0x92, 0x45, 0x10], None),
            (&[0x72, 0x10], jump(false, 2, 16)),
            (&[0x73, 0xfe], jump(true, 2, -2)),
            (&[0x0f, 0x82, 0, 1, 0, 0], jump(false, 6, 256)),
            (&[0x0f, 0x83, 0xff, 0xff, 0xff, 0xff], jump(true, 6, -1)),
            (&[0x19, 0xc0], None),
            (&[], None),
        ] {
            assert_eq!(Consumer::of(bytes), expected, "{bytes:x?}");
        }
    }
}
