// SPDX-License-Identifier: GPL-2.0

//! The exceptions that an instruction may raise.

use super::codec::Codec;

/// Why an instruction had no effect: the exception that it raised, or that it was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// #UD, vector 6: the instruction is absent, or switched off on this core.
    InvalidOpcode,
    /// #GP, vector 13: the MSR is absent, or the value is not allowed now.
    GeneralProtection,
    /// Any other vector.
    Other(u8),
    /// No exception: the instruction was not executed, because SNP is being initialised.
    Initialising,
}

impl Fault {
    /// Decodes the vector that the kernel's fixup left in RAX.
    pub(crate) fn from_vector(rax: u64) -> Self {
        match rax {
            6 => Self::InvalidOpcode,
            13 => Self::GeneralProtection,
            _ => Self::Other(rax.to_le_bytes()[0]),
        }
    }

    /// The vector of the exception. 0 for [`Fault::Initialising`], for which no core is taken out.
    pub(crate) const fn vector(self) -> u8 {
        match self {
            Self::InvalidOpcode => 6,
            Self::GeneralProtection => 13,
            Self::Other(vector) => vector,
            Self::Initialising => 0,
        }
    }

    /// The architecture's name of the exception.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InvalidOpcode => "#UD",
            Self::GeneralProtection => "#GP",
            Self::Other(_) => "an unexpected exception",
            Self::Initialising => "SNP is being initialised",
        }
    }
}

/// The bit that says that there was a fault. The bits below it hold the vector.
const FAULT: u64 = 0x100;

impl Codec for Option<Fault> {
    fn encode(self) -> u64 {
        self.map_or(0, |fault| FAULT | u64::from(fault.vector()))
    }

    fn decode(number: u64) -> Self {
        (number & FAULT != 0).then(|| Fault::from_vector(number & !FAULT))
    }
}
