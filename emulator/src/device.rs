// SPDX-License-Identifier: GPL-2.0

//! The firmware processor's PCI device: its identity, its registers, its interrupt.
//!
//! The device is QEMU's ivshmem-doorbell. Its BAR 2, where the ccp driver expects the registers, is plain memory, so
//! that a store alone has no effect. Therefore the plugin inspects the stores of the form that the kernel's
//! iowrite32() has, and passes them to this file. A command that takes time ends when the driver's interrupt handler
//! writes the interrupt status: the plugin can access guest memory only while a vCPU executes an instruction.

use crate::header::{self, WITH_PSP};
use crate::model::psp::{Answer, Status};
use crate::model::{Fatal, Machine, Memory};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Ports of the PCI configuration space.
const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;
/// The configuration address of the vendor and device of bus 0, device 4, function 0.
const OUR_ADDRESS: u32 = 0x8000_2000;
/// The vendor and device of AMD's firmware processor, which replace those of ivshmem.
const IDENTITY: u32 = 0x14ca_1022;

/// The size of BAR 2, to which its address is aligned.
const BAR_BYTES: u64 = header::number(WITH_PSP, "BAR_BYTES");
/// The bytes at the start of BAR 2.
pub const MARK: &[u8; 16] = &header::bytes(WITH_PSP, "MARK");

/// Registers.
const COMMAND: u64 = 0x1_0980;
const BUFFER: u64 = 0x1_09e0;
const INTERRUPT_STATUS: u64 = 0x1_0694;

/// Command register: the command, "interrupt me", and the answer.
const COMMAND_SHIFT: u32 = 16;
const COMMAND_MASK: u32 = 0x7ff;
const INTERRUPT_ME: u32 = 1;
const ANSWERED: u32 = 1 << 31;
/// Interrupt status: a command is done.
const COMMAND_DONE: u32 = 1 << 1;

/// BAR 2 as a file, and the file that raises the interrupt.
#[derive(Debug)]
pub struct Lines {
    pub registers: File,
    pub event: File,
}

impl Lines {
    /// Raises the interrupt, because a command is done.
    fn interrupt(&self) -> Result<(), String> {
        let written = self
            .registers
            .write_all_at(&COMMAND_DONE.to_le_bytes(), INTERRUPT_STATUS)
            .and_then(|()| (&self.event).write_all(&1_u64.to_ne_bytes()));
        written.map_err(|e| format!("the firmware processor's interrupt: {e}"))
    }
}

/// The device.
pub struct Device {
    lines: Arc<Lines>,
    /// The address at which BAR 2 was found last.
    bar: Option<u64>,
    /// The value that was last written to the address port.
    address: u32,
    /// The command under way that takes time.
    pending: Option<u32>,
    /// The time of the pending command has passed.
    due: Arc<AtomicBool>,
}

impl Device {
    /// A device with these lines.
    pub fn new(lines: Lines) -> Self {
        Self {
            lines: Arc::new(lines),
            bar: None,
            address: 0,
            pending: None,
            due: Arc::default(),
        }
    }

    /// Whether a store of 4 bytes at `pa` may be a store to a register that has an effect.
    pub fn concerns(pa: u64) -> bool {
        matches!(pa % BAR_BYTES, COMMAND | INTERRUPT_STATUS)
    }

    /// Handles a write of the guest to a port.
    pub fn port_written(&mut self, port: u16, value: u32) {
        if port == ADDRESS_PORT {
            self.address = value;
        }
    }

    /// The value that the guest reads from a port; `None` for a port that is not the device's.
    pub fn port_read(&self, port: u16) -> Option<u32> {
        (port == DATA_PORT && self.address == OUR_ADDRESS).then_some(IDENTITY)
    }

    /// Handles a store of 4 bytes at an address for which [`Device::concerns`] is true. SNP_INIT_EX takes `init`.
    pub fn stored(
        &mut self,
        machine: &mut Machine,
        init: Duration,
        memory: &dyn Memory,
        pa: u64,
    ) -> Result<(), Fatal> {
        let bar = pa / BAR_BYTES * BAR_BYTES;
        if self.bar != Some(bar) {
            let mut mark = [0; MARK.len()];
            if !memory.read(bar, &mut mark) || mark != *MARK {
                return Ok(());
            }
            self.bar = Some(bar);
        }
        match pa - bar {
            COMMAND => {
                let command = read(memory, pa)?;
                let low = u64::from(read(memory, bar + BUFFER)?);
                let high = u64::from(read(memory, bar + BUFFER + 4)?);
                self.command(machine, init, memory, command, low | (high << 32))
            }
            INTERRUPT_STATUS => {
                // Writing a 1 to a bit clears it.
                write(memory, pa, 0)?;
                match self.pending {
                    Some(command) if self.due.swap(false, Ordering::SeqCst) => {
                        self.pending = None;
                        let status = machine.psp_init_over(memory)?;
                        self.answer(memory, command, status)
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn command(
        &mut self,
        machine: &mut Machine,
        init: Duration,
        memory: &dyn Memory,
        command: u32,
        buffer: u64,
    ) -> Result<(), Fatal> {
        if self.pending.is_some() {
            return Err(Fatal(
                "a command for the firmware processor while another is under way".into(),
            ));
        }
        let number = (command >> COMMAND_SHIFT) & COMMAND_MASK;
        match machine.psp_command(memory, number, buffer)? {
            Answer::Now(status) => {
                self.answer(memory, command, status)?;
                if command & INTERRUPT_ME != 0 {
                    self.lines.interrupt().map_err(Fatal)?;
                }
                Ok(())
            }
            Answer::Later if command & INTERRUPT_ME == 0 => Err(Fatal(
                "SNP_INIT_EX with interrupts off is not modelled".into(),
            )),
            Answer::Later => {
                self.pending = Some(command);
                let (lines, due) = (self.lines.clone(), self.due.clone());
                std::thread::spawn(move || {
                    std::thread::sleep(init);
                    due.store(true, Ordering::SeqCst);
                    if let Err(e) = lines.interrupt() {
                        eprintln!("rmpopt-emulator: {e}");
                    }
                });
                Ok(())
            }
        }
    }

    fn answer(&self, memory: &dyn Memory, command: u32, status: Status) -> Result<(), Fatal> {
        let bar = self.bar.unwrap_or_default();
        let answer = command & (COMMAND_MASK << COMMAND_SHIFT) | ANSWERED | u32::from(status.0);
        write(memory, bar + COMMAND, answer)
    }
}

fn read(memory: &dyn Memory, pa: u64) -> Result<u32, Fatal> {
    let mut bytes = [0; 4];
    match memory.read(pa, &mut bytes) {
        true => Ok(u32::from_le_bytes(bytes)),
        false => Err(gone(pa)),
    }
}

fn write(memory: &dyn Memory, pa: u64, value: u32) -> Result<(), Fatal> {
    match memory.write(pa, &value.to_le_bytes()) {
        true => Ok(()),
        false => Err(gone(pa)),
    }
}

fn gone(pa: u64) -> Fatal {
    Fatal(format!(
        "the firmware processor's register at {pa:#x} is not there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::addr::REGION;
    use crate::model::kind::Kind;
    use crate::model::switches::Switches;
    use crate::model::tests::{config, Ram};
    use crate::model::{Config, Phase};
    use std::sync::atomic::AtomicU32;

    const BAR: u64 = 768 * REGION;
    const SNP_DF_FLUSH: u32 = 0x84;
    const SNP_INIT_EX: u32 = 0x85;

    /// A device whose lines lead to a file, and a machine for which the kernel has set SnpEn.
    fn device() -> (Device, Machine, Ram) {
        // Tests run at the same time in one process: each file has a number of its own.
        static FILES: AtomicU32 = AtomicU32::new(0);
        let file = || {
            let number = FILES.fetch_add(1, Ordering::Relaxed);
            let name = format!("rmpopt-device-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .unwrap();
            std::fs::remove_file(path).unwrap();
            file
        };
        let ram = Ram::default();
        let config = Config {
            snp: false,
            psp: true,
            ..config(Kind::Zen6)
        };
        let mut machine = Machine::new(config, Switches::default(), &ram).unwrap();
        machine.snp_prepare();
        let lines = Lines {
            registers: file(),
            event: file(),
        };
        (Device::new(lines), machine, ram)
    }

    fn store(
        d: &mut Device,
        m: &mut Machine,
        ram: &Ram,
        register: u64,
        value: u32,
    ) -> Result<(), Fatal> {
        assert!(ram.write(BAR + register, &value.to_le_bytes()));
        d.stored(m, Duration::ZERO, ram, BAR + register)
    }

    fn load(ram: &Ram, register: u64) -> u32 {
        read(ram, BAR + register).unwrap()
    }

    #[test]
    fn the_kernel_finds_a_firmware_processor() {
        let (mut device, ..) = device();
        device.port_written(ADDRESS_PORT, OUR_ADDRESS);
        assert_eq!(device.port_read(DATA_PORT), Some(IDENTITY));
        assert_eq!(device.port_read(ADDRESS_PORT), None);
        device.port_written(0x80, 0);
        assert_eq!(device.port_read(DATA_PORT), Some(IDENTITY));
        for other in [OUR_ADDRESS + 4, OUR_ADDRESS + 0x800] {
            device.port_written(ADDRESS_PORT, other);
            assert_eq!(device.port_read(DATA_PORT), None);
        }
    }

    #[test]
    fn a_store_elsewhere_does_nothing() {
        let (mut device, mut machine, ram) = device();
        store(&mut device, &mut machine, &ram, COMMAND, 0x00ff << 16).unwrap();
        assert_eq!(load(&ram, COMMAND), 0x00ff << 16);
        assert!(ram.write(BAR, MARK));
        let unknown = store(&mut device, &mut machine, &ram, COMMAND, 0x00ff << 16);
        assert!(unknown.is_err());
        assert!(!Device::concerns(BAR + BUFFER));
    }

    #[test]
    fn a_command_is_answered_and_one_that_takes_time_in_the_interrupt() {
        let (mut d, mut m, ram) = device();
        assert!(ram.write(BAR, MARK));
        let status = |d: &Device| {
            let mut bytes = [0; 4];
            let read = d.lines.registers.read_at(&mut bytes, INTERRUPT_STATUS);
            if read.unwrap() == 4 {
                u32::from_le_bytes(bytes)
            } else {
                0
            }
        };
        // Polled: no interrupt.
        store(&mut d, &mut m, &ram, COMMAND, SNP_DF_FLUSH << 16).unwrap();
        assert_eq!(load(&ram, COMMAND), (SNP_DF_FLUSH << 16) | ANSWERED | 1);
        assert_eq!(status(&d), 0);
        assert!(ram.write(0x2000, &1_u64.to_le_bytes()));
        assert!(ram.write(BAR + BUFFER, &0x2000_u64.to_le_bytes()));
        let command = SNP_INIT_EX << 16;
        assert!(store(&mut d, &mut m, &ram, COMMAND, command).is_err());
        m.snp_off();
        m.snp_prepare();
        store(&mut d, &mut m, &ram, COMMAND, command | INTERRUPT_ME).unwrap();
        assert_eq!(m.phase(), Phase::Initialising);
        // An interrupt that comes before its time has passed does not finish it.
        if !d.due.load(Ordering::SeqCst) {
            store(&mut d, &mut m, &ram, INTERRUPT_STATUS, COMMAND_DONE).unwrap();
        }
        while status(&d) == 0 || !d.due.load(Ordering::SeqCst) {
            if m.phase() == Phase::Initialised {
                break;
            }
            std::thread::yield_now();
        }
        store(&mut d, &mut m, &ram, INTERRUPT_STATUS, COMMAND_DONE).unwrap();
        assert_eq!(m.phase(), Phase::Initialised);
        assert_eq!(load(&ram, COMMAND), command | ANSWERED);
        assert_eq!(load(&ram, INTERRUPT_STATUS), 0);
    }
}
