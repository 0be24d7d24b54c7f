// SPDX-License-Identifier: GPL-2.0

//! The guest as QEMU offers it: registers of vCPUs, memory, and counters of vCPUs.

use crate::model::counters::Done;
use crate::model::Memory;

/// The number of the register, as instructions encode it.
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
    /// The number of instructions that a vCPU has retired at kernel addresses.
    fn instructions(&self, vcpu: u64) -> u64;
    /// The numbers of a vCPU's stores that were checked, and that were not.
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
    /// The guest's memory.
    fn memory(&self) -> &dyn Memory;
}

/// The vCPU that has reached an instruction, and the guest's memory.
pub trait Cpu: Guest {
    /// The guest to which the vCPU belongs.
    fn guest(&self) -> &dyn Guest;
    /// The vCPU's number.
    fn vcpu(&self) -> u64;
    /// A general register.
    fn register(&self, number: usize) -> u64;
    /// Sets a general register.
    fn set_register(&self, number: usize, value: u64);
    /// Sets the interrupt flag.
    fn enable_interrupts(&self);
    /// Fills `bytes` from a virtual address. False where nothing is mapped.
    fn read_virtual(&self, va: u64, bytes: &mut [u8]) -> bool;
    /// Writes `bytes` at a virtual address. False where nothing is mapped.
    fn write_virtual(&self, va: u64, bytes: &[u8]) -> bool;
    /// Counts an instruction that QEMU does not see because the plugin executed it together with another one.
    fn count_instruction(&self);
}

/// How the guest continues after an instruction that the plugin has handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// QEMU executes the instruction. It raises #UD for an instruction that it does not know.
    Qemu,
    /// The plugin has executed the instruction; the guest continues at this address.
    At(u64),
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// A vCPU with nothing but some bytes of memory, which begin at 0.
    pub struct Code {
        bytes: &'static [u8],
        registers: RefCell<[u64; 16]>,
        instructions: Cell<u64>,
        /// The interrupt flag was set.
        pub enabled: Cell<bool>,
    }

    impl Code {
        pub fn new(bytes: &'static [u8]) -> Self {
            Self {
                bytes,
                registers: RefCell::new([0; 16]),
                instructions: Cell::new(0),
                enabled: Cell::new(false),
            }
        }
    }

    impl Memory for Code {
        fn read(&self, _pa: u64, _bytes: &mut [u8]) -> bool {
            false
        }

        fn write(&self, _pa: u64, _bytes: &[u8]) -> bool {
            false
        }
    }

    impl Guest for Code {
        fn instructions(&self, _vcpu: u64) -> u64 {
            self.instructions.get()
        }

        fn stores(&self, _vcpu: u64) -> (u64, u64) {
            (0, 0)
        }

        fn memory(&self) -> &dyn Memory {
            self
        }
    }

    impl Cpu for Code {
        fn guest(&self) -> &dyn Guest {
            self
        }

        fn vcpu(&self) -> u64 {
            0
        }

        fn register(&self, number: usize) -> u64 {
            self.registers.borrow()[number]
        }

        fn set_register(&self, number: usize, value: u64) {
            self.registers.borrow_mut()[number] = value;
        }

        fn enable_interrupts(&self) {
            self.enabled.set(true);
        }

        fn read_virtual(&self, va: u64, bytes: &mut [u8]) -> bool {
            let from = crate::model::addr::index(va);
            let found = self.bytes.get(from..).and_then(|b| b.get(..bytes.len()));
            found.map(|b| bytes.copy_from_slice(b)).is_some()
        }

        fn write_virtual(&self, _va: u64, _bytes: &[u8]) -> bool {
            false
        }

        fn count_instruction(&self) {
            self.instructions.set(self.instructions.get() + 1);
        }
    }
}
