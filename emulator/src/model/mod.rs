// SPDX-License-Identifier: GPL-2.0

//! The host: processor, RMP and counters. Pure; QEMU appears here only as [`Memory`].
//!
//! The model holds the whole state of the RMP, and copies it to guest memory where there is RAM for it. The model never
//! reads that copy: only its own functions change the state.

pub mod addr;
pub mod counters;
pub mod cpuid;
pub mod entry;
pub mod kind;
pub mod layout;
mod machine;
mod msr;
mod platform;
pub mod psp;
mod rmp;
mod rmpopt;
pub mod switches;
mod table;
#[cfg(test)]
pub mod tests;
mod update;

use addr::Region;
pub use machine::{Config, Machine};
pub use msr::{is_ours, MsrAccess};
pub use platform::Phase;
pub use rmpopt::{Begin, Work};
pub use update::Injected;

/// The guest's physical memory.
pub trait Memory {
    /// Fills `bytes` from `pa`. False where there is no memory.
    fn read(&self, pa: u64, bytes: &mut [u8]) -> bool;
    /// Writes `bytes` at `pa`. False where there is no memory.
    #[must_use]
    fn write(&self, pa: u64, bytes: &[u8]) -> bool;
}

/// An event that the architecture forbids, or that the emulator does not model. It ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal(pub String);

/// The outcome of an instruction that returns a code in EAX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// #UD.
    Undefined,
    /// The instruction was executed and returned this code; 0 is success.
    Code(u32),
}
