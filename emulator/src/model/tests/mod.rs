// SPDX-License-Identifier: GPL-2.0

//! Tests that compare the machine with the rules of the manuals.

mod msr;
mod platform;
mod psp;
mod random;
mod rmpopt;
mod update;

use super::addr::REGION;
use super::entry::{Entry, Size};
use super::kind::Kind;
use super::layout::Request;
use super::switches::Switches;
use super::{Begin, Config, Machine, Memory, MsrAccess, Outcome};
use std::cell::RefCell;
use std::collections::BTreeMap;

pub const SYSCFG: u32 = 0xc001_0010;
pub const HWCR: u32 = 0xc001_0015;
pub const RMP_BASE: u32 = 0xc001_0132;
pub const RMP_END: u32 = 0xc001_0133;
pub const RMP_CFG: u32 = 0xc001_0136;
pub const RMPOPT_BASE: u32 = 0xc001_0139;
pub const FREE: u64 = 4 * REGION;

/// Guest memory at all addresses, of which only written bytes are stored.
#[derive(Default)]
pub struct Ram(RefCell<BTreeMap<u64, u8>>);

impl Memory for Ram {
    fn read(&self, pa: u64, bytes: &mut [u8]) -> bool {
        let ram = self.0.borrow();
        for (at, byte) in (pa..).zip(bytes) {
            *byte = ram.get(&at).copied().unwrap_or(0);
        }
        true
    }

    fn write(&self, pa: u64, bytes: &[u8]) -> bool {
        let mut ram = self.0.borrow_mut();
        for (at, byte) in (pa..).zip(bytes) {
            match byte {
                0 => ram.remove(&at),
                _ => ram.insert(at, *byte),
            };
        }
        true
    }
}

impl Ram {
    pub fn word(&self, pa: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(pa, &mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// No memory.
pub struct NoRam;

impl Memory for NoRam {
    fn read(&self, _pa: u64, _bytes: &mut [u8]) -> bool {
        false
    }

    fn write(&self, _pa: u64, _bytes: &[u8]) -> bool {
        false
    }
}

pub fn config(kind: Kind) -> Config {
    Config {
        kind,
        cpus: 4,
        threads: 2,
        window: 2048,
        layout: Request {
            segmented: kind.segmented(),
            base: 0x7000_0000,
            size: 64 << 20,
            high: 1012 * REGION,
            cover: 8,
            segment: 64,
        },
        firmware: vec![3],
        snp: true,
        psp: false,
    }
}

pub fn machine(kind: Kind, ram: &Ram) -> Machine {
    Machine::new(config(kind), Switches::default(), ram).unwrap()
}

/// A Zen 6 with RMPOPT enabled on both cores.
pub fn ready(ram: &Ram) -> Machine {
    let mut machine = machine(Kind::Zen6, ram);
    for vcpu in [0, 2] {
        assert_eq!(
            wrmsr(&mut machine, vcpu, RMPOPT_BASE, 1),
            MsrAccess::Done(0)
        );
    }
    machine
}

pub fn guest(asid: u32, size: Size, gpa: u64) -> [u8; 16] {
    Entry {
        assigned: true,
        asid,
        size,
        gpa,
        ..Entry::default()
    }
    .to_operand(false)
}

pub fn shared(size: Size) -> [u8; 16] {
    Entry {
        size,
        ..Entry::default()
    }
    .to_operand(false)
}

/// WRMSR.
pub fn wrmsr(machine: &mut Machine, vcpu: u64, msr: u32, value: u64) -> MsrAccess {
    machine.wrmsr(vcpu, msr, value).unwrap()
}

/// RMPOPT. `None` is #UD.
pub fn rmpopt(machine: &mut Machine, vcpu: u64, pa: u64, function: u64) -> Option<bool> {
    match machine.rmpopt_begin(vcpu, pa, function).unwrap() {
        Begin::Undefined => None,
        Begin::Run(flight) => Some(machine.rmpopt_end(flight).unwrap()),
    }
}

pub fn update(machine: &mut Machine, ram: &Ram, pa: u64, operand: [u8; 16]) -> u32 {
    match machine.rmpupdate(ram, pa, &operand).unwrap() {
        Outcome::Code(code) => code,
        Outcome::Undefined => panic!("#UD"),
    }
}

pub fn read(machine: &mut Machine, pa: u64) -> [u8; 16] {
    let (outcome, operand) = machine.rmpread(pa);
    assert_eq!(outcome, Outcome::Code(0));
    operand.unwrap()
}
