// SPDX-License-Identifier: GPL-2.0

//! The guest as QEMU offers it: a vCPU's registers, memory, what is counted for it.

use crate::model::counters::Done;
use crate::model::Memory;

/// Numbers of the registers, as instructions encode them.
pub const RAX: usize = 0;
/// See [`RAX`].
pub const RCX: usize = 1;
/// See [`RAX`].
pub const RDX: usize = 2;
/// See [`RAX`].
pub const RBX: usize = 3;
/// See [`RAX`].
pub const RSP: usize = 4;
/// See [`RAX`].
pub const RSI: usize = 6;
/// See [`RAX`].
pub const RDI: usize = 7;

/// The guest, as QEMU offers it.
pub trait Guest: Memory {
    /// Instructions that a vCPU has retired at kernel addresses.
    fn instructions(&self, vcpu: u64) -> u64;
    /// Stores of a vCPU that were checked and skipped.
    fn stores(&self, vcpu: u64) -> (u64, u64);
    /// What a vCPU has done since boot.
    fn done(&self, vcpu: u64) -> Done {
        Done {
            instructions: self.instructions(vcpu),
            ..Done::default()
        }
    }
    /// What a vCPU has done at most in one stretch with interrupts off. `None` if they are not watched.
    fn interrupts_off(&self, _vcpu: u64) -> Option<Done> {
        None
    }
    /// Forgets the stretches.
    fn reset_interrupts_off(&self) {}
    /// Its memory.
    fn memory(&self) -> &dyn Memory;
}

/// The vCPU that has reached an instruction, and the guest's memory.
pub trait Cpu: Guest {
    /// The guest that it belongs to.
    fn guest(&self) -> &dyn Guest;
    /// Its number.
    fn vcpu(&self) -> u64;
    /// A general register.
    fn register(&self, number: usize) -> u64;
    /// Sets a general register.
    fn set_register(&self, number: usize, value: u64);
    /// Fills `bytes` from a virtual address. False where nothing is mapped.
    fn read_virtual(&self, va: u64, bytes: &mut [u8]) -> bool;
    /// Writes `bytes` at a virtual address. False where nothing is mapped.
    fn write_virtual(&self, va: u64, bytes: &[u8]) -> bool;
    /// Counts an instruction that QEMU does not see because it was done together with another.
    fn count_instruction(&self);
}

/// How the guest goes on behind an instruction that the plugin has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// QEMU carries the instruction out. For those that it does not know that is #UD.
    Qemu,
    /// The instruction is done; the guest goes on at this address.
    At(u64),
}
