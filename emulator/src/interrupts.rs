// SPDX-License-Identifier: GPL-2.0

//! Measures the longest stretch that each vCPU executed with interrupts off: its kernel instructions and RMPOPT.

use crate::model::addr::index;
use crate::model::counters::Done;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Vcpu {
    /// The RMPOPT and scans since boot. The field `instructions` stays 0: instructions are counted elsewhere.
    ran: Done,
    /// The numbers at the moment when interrupts went off. `None` while they are on.
    off: Option<Done>,
    /// The maximum of each number over all stretches since the last reset.
    most: Done,
}

/// The stretches of all vCPUs.
pub struct Stretches(Vec<Mutex<Vcpu>>);

impl Stretches {
    /// A value for `cpus` vCPUs, all with interrupts on.
    pub fn new(cpus: u64) -> Self {
        Self((0..cpus).map(|_| Mutex::default()).collect())
    }

    /// Counts an RMPOPT that a vCPU has executed.
    pub fn ran(&self, vcpu: u64, scan: bool) {
        if let Some(mut cpu) = self.vcpu(vcpu) {
            cpu.ran.rmpopt += 1;
            cpu.ran.scans += u64::from(scan);
        }
    }

    /// Handles that interrupts go off on a vCPU, or are off already. The vCPU has retired `instructions` since boot.
    pub fn off(&self, vcpu: u64, instructions: u64) {
        if let Some(mut cpu) = self.vcpu(vcpu) {
            if cpu.off.is_none() {
                cpu.off = Some(cpu.done(instructions));
            }
        }
    }

    /// Handles that interrupts go on, or are on already.
    pub fn on(&self, vcpu: u64, instructions: u64) {
        if let Some(mut cpu) = self.vcpu(vcpu) {
            if let Some(start) = cpu.off.take() {
                let stretch = cpu.done(instructions).since(start);
                cpu.most = cpu.most.most(stretch);
            }
        }
    }

    /// What a vCPU has done since boot.
    pub fn done(&self, vcpu: u64, instructions: u64) -> Done {
        let done = self.vcpu(vcpu).map(|cpu| cpu.done(instructions));
        done.unwrap_or_default()
    }

    /// The maximum over the stretches that have ended since the last reset.
    pub fn most(&self, vcpu: u64) -> Done {
        self.vcpu(vcpu).map(|cpu| cpu.most).unwrap_or_default()
    }

    /// Sets all numbers to zero.
    pub fn reset(&self) {
        for vcpu in &self.0 {
            lock(vcpu).most = Done::default();
        }
    }

    fn vcpu(&self, vcpu: u64) -> Option<MutexGuard<'_, Vcpu>> {
        self.0.get(index(vcpu)).map(lock)
    }
}

impl Vcpu {
    fn done(&self, instructions: u64) -> Done {
        Done {
            instructions,
            ..self.ran
        }
    }
}

fn lock(vcpu: &Mutex<Vcpu>) -> MutexGuard<'_, Vcpu> {
    vcpu.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The effect of an instruction on the interrupt flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `cli`, `syscall` (as the kernel sets it up).
    Off,
    /// `sti`, `sysretq`.
    On,
    /// `popfq`, `iretq`: the flags are this number of bytes above the stack pointer.
    Popped(u64),
}

impl Flag {
    /// The interrupt flag in RFLAGS.
    pub const BIT: u64 = 1 << 9;

    /// Decodes an instruction, whose length QEMU has found. `None` for one that does not affect the flag.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xfa] | [0x0f, 0x05] => Self::Off,
            [0xfb] | [0x48, 0x0f, 0x07] => Self::On,
            [0x9d] => Self::Popped(0),
            [0x48, 0xcf] => Self::Popped(16),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stretch_counts_from_the_first_off_to_the_next_on() {
        let all = Stretches::new(2);
        all.off(0, 100);
        all.off(0, 110);
        all.on(0, 150);
        all.on(0, 900);
        all.off(0, 1000);
        all.on(0, 1020);
        assert_eq!(all.most(0).instructions, 50);
        assert_eq!(all.most(1), Done::default());
        // One that has not ended does not count yet.
        all.off(1, 0);
        assert_eq!(all.most(1).instructions, 0);
        all.on(1, 7);
        assert_eq!(all.most(1).instructions, 7);
        all.reset();
        assert_eq!(
            (all.most(0), all.most(1)),
            (Done::default(), Done::default())
        );
    }

    #[test]
    fn rmpopt_counts_in_a_stretch_only_while_interrupts_are_off() {
        let all = Stretches::new(1);
        all.ran(0, true);
        all.off(0, 10);
        all.ran(0, true);
        all.ran(0, false);
        all.on(0, 20);
        all.ran(0, false);
        let stretch = Done {
            instructions: 10,
            rmpopt: 2,
            scans: 1,
        };
        assert_eq!(all.most(0), stretch);
        let since_boot = Done {
            instructions: 30,
            rmpopt: 4,
            scans: 2,
        };
        assert_eq!(all.done(0, 30), since_boot);
        // A vCPU that there is not.
        all.ran(9, true);
        assert_eq!(all.done(9, 1), Done::default());
    }

    #[test]
    fn instructions() {
        for (bytes, flag) in [
            (&[0xfa][..], Some(Flag::Off)),
            (&[0x0f, 0x05], Some(Flag::Off)),
            (&[0xfb], Some(Flag::On)),
            (&[0x48, 0x0f, 0x07], Some(Flag::On)),
            (&[0x9d], Some(Flag::Popped(0))),
            (&[0x48, 0xcf], Some(Flag::Popped(16))),
            (&[0x9c], None),
            (&[], None),
        ] {
            assert_eq!(Flag::of(bytes), flag, "{bytes:x?}");
        }
    }
}
