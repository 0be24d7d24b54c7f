// SPDX-License-Identifier: GPL-2.0

//! Carries the guest's instructions to the model and the results back.

use crate::boot;
use crate::decode::{uses_carry, Consumer, Instruction, CARRY_LENGTH};
use crate::model::addr::{number, HUGE_PER_REGION};
use crate::model::{is_ours, Begin, Config, Fatal, Machine, MsrAccess, Outcome, Work};
use crate::options::{Durations, Options};
use crate::port;
use crate::session::{Guest, Session};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Numbers of the registers, as instructions encode them.
pub const RAX: usize = 0;
/// See [`RAX`].
pub const RCX: usize = 1;
/// See [`RAX`].
pub const RDX: usize = 2;
/// See [`RAX`].
pub const RBX: usize = 3;
/// See [`RAX`].
pub const RSI: usize = 6;
/// See [`RAX`].
pub const RDI: usize = 7;

/// An MSR that QEMU answers with #GP, read or written: the x2APIC has none of that number.
const REFUSED_MSR: u64 = 0x80e;
/// CPUID with these is a request to the test port.
const PORT_EAX: u32 = 0x5250_4f50;
const PORT_ECX: u32 = 0x5453_4554;

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

/// How the guest goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// QEMU does the instruction. For those that it does not know that is #UD.
    Qemu,
    /// The instruction is done; go on there.
    At(u64),
}

/// The plugin: what it was told, and the run once the guest's kernel has started.
pub struct Plugin {
    options: Options,
    cpus: u64,
    session: OnceLock<Mutex<Session>>,
    /// Held while the run begins.
    starting: Mutex<()>,
    /// RCX of a vCPU while it holds [`REFUSED_MSR`] for QEMU to raise #GP.
    refused: Vec<Mutex<Option<u64>>>,
}

impl Plugin {
    /// A plugin for a guest of `cpus` vCPUs.
    pub fn new(options: Options, cpus: u64) -> Self {
        Self {
            options,
            cpus,
            session: OnceLock::new(),
            starting: Mutex::new(()),
            refused: (0..cpus).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Stores are to be counted.
    pub fn counts_stores(&self) -> bool {
        self.options.stores
    }

    /// A vCPU has reached an instruction at `pc`.
    pub fn execute(&self, instruction: Instruction, pc: u64, cpu: &dyn Cpu) -> Result<Next, Fatal> {
        let kernel = is_kernel(pc);
        let next = Next::At(pc.wrapping_add(instruction.length()));
        if instruction == Instruction::Cpuid {
            return Ok(if self.cpuid(kernel, cpu)? {
                next
            } else {
                Next::Qemu
            });
        }
        if !kernel {
            return Ok(Next::Qemu);
        }
        if matches!(instruction, Instruction::Rdmsr | Instruction::Wrmsr)
            && !is_ours(low(cpu.register(RCX)))
        {
            return Ok(Next::Qemu);
        }
        let session = self.session(cpu)?;
        match instruction {
            Instruction::Cpuid => Ok(Next::Qemu),
            Instruction::Rdmsr => Ok(self.rdmsr(session, next, cpu)),
            Instruction::Wrmsr => self.wrmsr(session, next, cpu),
            Instruction::Rmpread => rmpread(session, next, cpu),
            Instruction::Rmpupdate => rmpupdate(session, next, cpu),
            Instruction::Psmash => {
                let pa = cpu.register(RAX);
                let outcome = lock(session).machine.psmash(cpu.memory(), pa)?;
                Ok(finish(outcome, next, cpu))
            }
            Instruction::Rmpopt => self.rmpopt(session, pc.wrapping_add(instruction.length()), cpu),
        }
    }

    /// The vCPU has taken an exception: if it was ours, its RCX is its own again before the guest sees it.
    pub fn exception(&self, vcpu: u64, set_rcx: impl FnOnce(u64)) {
        if let Some(rcx) = self.refused(vcpu).and_then(|mut r| r.take()) {
            set_rcx(rcx);
        }
    }

    /// The run ends.
    pub fn finish(&self, guest: &dyn Guest, violation: Option<&str>) -> Result<(), String> {
        match self.session.get() {
            Some(session) => lock(session).finish(guest, violation),
            None => Ok(()),
        }
    }

    /// A store to `pa` needs no check. `None` if there are no checks.
    pub fn skips_check(&self, vcpu: u64, pa: u64) -> Option<bool> {
        let region = crate::model::addr::Region::of(pa);
        let session = self.session.get()?;
        lock(session).machine.skips_check(vcpu, region)
    }

    /// The run; it begins when the kernel first asks for anything, because then the firmware is done.
    fn session(&self, cpu: &dyn Cpu) -> Result<&Mutex<Session>, Fatal> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.boot(cpu)?;
        Ok(self.session.get_or_init(|| Mutex::new(session)))
    }

    fn boot(&self, cpu: &dyn Cpu) -> Result<Session, Fatal> {
        let options = &self.options;
        let mut layout = options.layout;
        if layout.cover == 0 {
            layout.cover = boot::gib_with_ram(cpu.memory());
        }
        if options.kind.snp() {
            boot::announce_iommu_snp(cpu.memory()).map_err(Fatal)?;
        }
        let config = Config {
            kind: options.kind,
            cpus: self.cpus,
            threads: options.threads,
            window: options.window,
            layout,
            firmware: options.firmware.clone(),
            snp: options.snp,
        };
        let machine = Machine::new(config, options.switches, cpu.memory())?;
        Ok(Session::new(machine, options.time, options.report.clone()))
    }

    /// CPUID. True if it is done.
    fn cpuid(&self, kernel: bool, cpu: &dyn Cpu) -> Result<bool, Fatal> {
        let eax = low(cpu.register(RAX));
        if eax == PORT_EAX && low(cpu.register(RCX)) == PORT_ECX {
            let session = self.session(cpu)?;
            port::serve(&mut lock(session), cpu)?;
            return Ok(true);
        }
        if !kernel {
            return Ok(false);
        }
        let session = self.session(cpu)?;
        let leaf = lock(session).machine.cpuid(eax, 0);
        if let Some([eax, ebx, ecx, edx]) = leaf {
            for (register, value) in [(RAX, eax), (RBX, ebx), (RCX, ecx), (RDX, edx)] {
                cpu.set_register(register, u64::from(value));
            }
        }
        Ok(leaf.is_some())
    }

    fn rdmsr(&self, session: &Mutex<Session>, next: Next, cpu: &dyn Cpu) -> Next {
        let msr = low(cpu.register(RCX));
        let access = lock(session).machine.rdmsr(cpu.vcpu(), msr);
        if let MsrAccess::Done(value) = access {
            cpu.set_register(RAX, u64::from(low(value)));
            cpu.set_register(RDX, value >> 32);
        }
        self.access(access, next, cpu)
    }

    fn wrmsr(&self, session: &Mutex<Session>, next: Next, cpu: &dyn Cpu) -> Result<Next, Fatal> {
        let msr = low(cpu.register(RCX));
        let value = u64::from(low(cpu.register(RAX))) | (cpu.register(RDX) << 32);
        let access = lock(session).machine.wrmsr(cpu.vcpu(), msr, value)?;
        Ok(self.access(access, next, cpu))
    }

    fn access(&self, access: MsrAccess, next: Next, cpu: &dyn Cpu) -> Next {
        match access {
            MsrAccess::Done(_) => next,
            MsrAccess::Pass => Next::Qemu,
            MsrAccess::Fault => {
                if let Some(mut refused) = self.refused(cpu.vcpu()) {
                    *refused = Some(cpu.register(RCX));
                    cpu.set_register(RCX, REFUSED_MSR);
                }
                Next::Qemu
            }
        }
    }

    fn rmpopt(&self, session: &Mutex<Session>, behind: u64, cpu: &dyn Cpu) -> Result<Next, Fatal> {
        let (rax, rcx) = (cpu.register(RAX), cpu.register(RCX));
        let (begin, time) = {
            let mut session = lock(session);
            let begin = session.machine.rmpopt_begin(cpu.vcpu(), rax, rcx)?;
            (begin, session.time())
        };
        let Begin::Run(flight) = begin else {
            return Ok(Next::Qemu);
        };
        if let Some(durations) = time {
            std::thread::sleep(duration(durations, flight.work()));
        }
        let carry = lock(session).machine.rmpopt_end(flight)?;
        consume(carry, behind, cpu)
    }

    fn refused(&self, vcpu: u64) -> Option<MutexGuard<'_, Option<u64>>> {
        self.refused
            .get(crate::model::addr::index(vcpu))
            .map(|r| r.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The kernel's half of the address space.
pub fn is_kernel(pc: u64) -> bool {
    pc >> 63 != 0
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

fn duration(durations: Durations, work: Work) -> Duration {
    match work {
        Work::Own | Work::Refuse => durations.own,
        Work::Stored => durations.stored,
        Work::Scan { free: true, .. } => durations.scan,
        Work::Scan { entries, .. } => {
            let all = number(HUGE_PER_REGION);
            let share = u32::try_from(entries.min(all)).unwrap_or(1);
            durations.scan * share / u32::try_from(all).unwrap_or(1)
        }
    }
}

/// Finishes an instruction that returns a code in EAX.
fn finish(outcome: Outcome, next: Next, cpu: &dyn Cpu) -> Next {
    match outcome {
        Outcome::Undefined => Next::Qemu,
        Outcome::Code(code) => {
            cpu.set_register(RAX, u64::from(code));
            next
        }
    }
}

fn rmpread(session: &Mutex<Session>, next: Next, cpu: &dyn Cpu) -> Result<Next, Fatal> {
    let (pa, place) = (cpu.register(RAX), cpu.register(RCX));
    let (outcome, operand) = lock(session).machine.rmpread(pa);
    if let Some(operand) = operand {
        if !cpu.write_virtual(place, &operand) {
            return Err(Fatal(format!(
                "RMPREAD into {place:#x}, which is not mapped"
            )));
        }
    }
    Ok(finish(outcome, next, cpu))
}

fn rmpupdate(session: &Mutex<Session>, next: Next, cpu: &dyn Cpu) -> Result<Next, Fatal> {
    let (pa, place) = (cpu.register(RAX), cpu.register(RCX));
    let mut operand = [0; 16];
    if !cpu.read_virtual(place, &mut operand) {
        return Err(Fatal(format!(
            "RMPUPDATE from {place:#x}, which is not mapped"
        )));
    }
    let outcome = lock(session)
        .machine
        .rmpupdate(cpu.memory(), pa, &operand)?;
    Ok(finish(outcome, next, cpu))
}

/// Up to `most` bytes of code: fewer where the page behind is not mapped.
fn code(pc: u64, most: usize, cpu: &dyn Cpu) -> Vec<u8> {
    let known = (1..=most).rev().find_map(|n| {
        let mut part = vec![0; n];
        cpu.read_virtual(pc, &mut part).then_some(part)
    });
    known.unwrap_or_default()
}

/// Carries out the instruction behind RMPOPT, because a plugin cannot set the carry flag.
fn consume(carry: bool, pc: u64, cpu: &dyn Cpu) -> Result<Next, Fatal> {
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
    // QEMU's own flag has not changed: who uses it again would read what was there before.
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
    use crate::model::Memory;
    use std::cell::{Cell, RefCell};

    /// A vCPU with nothing but its code, which begins at 0.
    struct Code {
        bytes: &'static [u8],
        registers: RefCell<[u64; 16]>,
        instructions: Cell<u64>,
    }

    impl Code {
        fn new(bytes: &'static [u8]) -> Self {
            Self {
                bytes,
                registers: RefCell::new([0; 16]),
                instructions: Cell::new(0),
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
