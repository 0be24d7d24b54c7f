// SPDX-License-Identifier: GPL-2.0

//! Passes the guest's instructions to the model, and the results back.

use crate::boot;
use crate::consume::consume;
use crate::decode::Instruction;
use crate::device::{Device, Lines};
use crate::guest::{Cpu, Guest, Next, RAX, RBX, RCX, RDX};
use crate::header::{self, EMU_H};
use crate::interrupts::Stretches;
use crate::model::addr::{number, REGION_BLOCKS};
use crate::model::{is_ours, Begin, Config, Fatal, Machine, MsrAccess, Outcome, Work};
use crate::options::{Durations, Options};
use crate::port;
use crate::session::Session;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The number of an MSR for which QEMU raises #GP on reads and writes: no register of the x2APIC has it.
const REFUSED_MSR: u64 = 0x80e;
/// CPUID with these values is a request to the test port.
const PORT_EAX: u64 = header::number(EMU_H, "EMU_EAX");
const PORT_ECX: u64 = header::number(EMU_H, "EMU_ECX");

/// The plugin: its options, and the run, which begins when the guest's kernel has started.
pub struct Plugin {
    options: Options,
    cpus: u64,
    session: OnceLock<Mutex<Session>>,
    /// Held while the run begins.
    starting: Mutex<()>,
    /// For each vCPU the guest's RCX, while the plugin has replaced it by [`REFUSED_MSR`] so that QEMU raises #GP.
    refused: Vec<Mutex<Option<u64>>>,
    /// The stretches that each vCPU has executed with interrupts off.
    stretches: Stretches,
    /// The firmware processor's device, if there is one.
    device: Option<Mutex<Device>>,
}

impl Plugin {
    /// A plugin for a guest of `cpus` vCPUs. `lines` are those of the firmware processor.
    pub fn new(options: Options, cpus: u64, lines: Option<Lines>) -> Self {
        Self {
            device: lines.map(|lines| Mutex::new(Device::new(lines))),
            options,
            cpus,
            session: OnceLock::new(),
            starting: Mutex::new(()),
            stretches: Stretches::new(cpus),
            refused: (0..cpus).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Whether stores are to be counted.
    pub fn counts_stores(&self) -> bool {
        self.options.stores
    }

    /// Whether stretches with interrupts off are to be measured.
    pub fn watches_interrupts(&self) -> bool {
        self.options.interrupts
    }

    /// The stretches that each vCPU has executed with interrupts off.
    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    /// Whether there is a firmware processor.
    pub fn has_device(&self) -> bool {
        self.device.is_some()
    }

    /// Handles a store of 4 bytes at `pa` that has the form of a store to a device's register.
    pub fn register_stored(&self, pa: u64, cpu: &dyn Cpu) -> Result<(), Fatal> {
        match &self.device {
            Some(device) if Device::concerns(pa) => {
                let session = self.session(cpu)?;
                let mut session = lock(session);
                let init = session.init;
                lock_device(device).stored(&mut session.machine, init, cpu.memory(), pa)
            }
            _ => Ok(()),
        }
    }

    /// Executes an instruction that a vCPU has reached at `pc`.
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
        if let Some(next) = self.port(instruction, next, cpu) {
            return Ok(next);
        }
        if matches!(instruction, Instruction::Rdmsr | Instruction::Wrmsr)
            && !is_ours(low(cpu.register(RCX)))
        {
            return Ok(Next::Qemu);
        }
        let session = self.session(cpu)?;
        match instruction {
            Instruction::Cpuid | Instruction::In | Instruction::Out => Ok(Next::Qemu),
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

    /// Handles an exception of the vCPU. Where [`REFUSED_MSR`] caused it, restores the guest's RCX before the guest
    /// reads it.
    pub fn exception(&self, vcpu: u64, set_rcx: impl FnOnce(u64)) {
        if let Some(rcx) = self.refused(vcpu).and_then(|mut r| r.take()) {
            set_rcx(rcx);
        }
    }

    /// Ends the run: writes the report.
    pub fn finish(&self, guest: &dyn Guest, violation: Option<&str>) -> Result<(), String> {
        match self.session.get() {
            Some(session) => lock(session).finish(guest, violation),
            None => Ok(()),
        }
    }

    /// Whether the vCPU's core skips the check of a store to `pa`. `None` while there are no checks.
    pub fn skips_check(&self, vcpu: u64, pa: u64) -> Option<bool> {
        let region = crate::model::addr::Region::of(pa);
        let session = self.session.get()?;
        lock(session).machine.skips_check(vcpu, region)
    }

    /// The run. The first of these instructions that the kernel executes begins it: by then the firmware has finished.
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
            psp: self.device.is_some(),
        };
        let machine = Machine::new(config, options.switches, cpu.memory())?;
        let mut session = Session::new(machine, options.time, options.report.clone());
        session.init = options.init;
        Ok(session)
    }

    /// Executes `in` and `out`, by which the kernel reads the identity of the firmware processor.
    fn port(&self, instruction: Instruction, next: Next, cpu: &dyn Cpu) -> Option<Next> {
        if !matches!(instruction, Instruction::In | Instruction::Out) {
            return None;
        }
        let port = u16::try_from(cpu.register(RDX) & 0xffff).unwrap_or(0);
        let mut device = lock_device(self.device.as_ref()?);
        if instruction == Instruction::Out {
            device.port_written(port, low(cpu.register(RAX)));
            return Some(Next::Qemu);
        }
        let Some(value) = device.port_read(port) else {
            return Some(Next::Qemu);
        };
        cpu.set_register(RAX, u64::from(value));
        Some(next)
    }

    /// Executes CPUID. False where QEMU has to execute it.
    fn cpuid(&self, kernel: bool, cpu: &dyn Cpu) -> Result<bool, Fatal> {
        let eax = low(cpu.register(RAX));
        let ecx = low(cpu.register(RCX));
        if self.options.port && (u64::from(eax), u64::from(ecx)) == (PORT_EAX, PORT_ECX) {
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
        let scan = matches!(flight.work(), Work::Scan { .. });
        let carry = lock(session).machine.rmpopt_end(flight)?;
        self.stretches.ran(cpu.vcpu(), scan);
        consume(carry, behind, cpu)
    }

    fn refused(&self, vcpu: u64) -> Option<MutexGuard<'_, Option<u64>>> {
        self.refused
            .get(crate::model::addr::index(vcpu))
            .map(|r| r.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an address lies in the kernel's half of the address space.
pub fn is_kernel(pc: u64) -> bool {
    pc >> 63 != 0
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_device(device: &Mutex<Device>) -> MutexGuard<'_, Device> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
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
            let all = number(REGION_BLOCKS);
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
