// SPDX-License-Identifier: GPL-2.0

//! RMPUPDATE, RMPREAD and PSMASH.

use super::addr::{Region, BLOCK, PAGE};
use super::entry::{Entry, Size, GPA_LIMIT, MAX_ASID};
use super::switches::Rules;
use super::{Fatal, Machine, Memory, Outcome};

const OK: u32 = 0;
/// Bad input.
const INPUT: u32 = 1;
/// No permission.
const PERMISSION: u32 = 2;
/// A 2 MiB and a 4 KiB entry would overlap.
const OVERLAP: u32 = 4;

/// An instruction that a test can make fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// RMPUPDATE.
    Update,
    /// RMPREAD.
    Read,
    /// PSMASH.
    Smash,
}

/// The failure that a test has asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Injection {
    pending: Option<(Injected, u32, u64)>,
}

impl Injection {
    fn take(&mut self, which: Injected) -> Option<u32> {
        let (instruction, code, count) = self.pending?;
        if instruction != which {
            return None;
        }
        self.pending = (count > 1).then_some((instruction, code, count - 1));
        Some(code)
    }
}

impl Machine {
    /// Makes the next `count` of an instruction return `code` and do nothing.
    pub fn inject(&mut self, which: Injected, code: u32, count: u64) {
        self.injection.pending = (count > 0).then_some((which, code, count));
    }

    /// Executes RMPUPDATE.
    pub fn rmpupdate(
        &mut self,
        memory: &dyn Memory,
        pa: u64,
        operand: &[u8; 16],
    ) -> Result<Outcome, Fatal> {
        if !self.config.kind.snp() || !self.snp() {
            return Ok(Outcome::Undefined);
        }
        let code = match self.injection.take(Injected::Update) {
            Some(code) => code,
            None => self.try_update(memory, pa, operand)?,
        };
        let counts = &mut self.counters().rmpupdate;
        match (code, operand) {
            (OK, [_, _, _, _, _, _, _, _, 0, ..]) => {
                counts.ok += 1;
                counts.release += 1;
            }
            (OK, _) => {
                counts.ok += 1;
                counts.assign += 1;
            }
            _ => counts.fail += 1,
        }
        Ok(Outcome::Code(code))
    }

    fn try_update(
        &mut self,
        memory: &dyn Memory,
        pa: u64,
        operand: &[u8; 16],
    ) -> Result<u32, Fatal> {
        let new = match Entry::from_operand(operand) {
            Ok(entry) => entry,
            Err(what) => match self.switches.rules {
                Rules::Fatal => return Err(Fatal(format!("RMPUPDATE of {pa:#x}: {what}"))),
                Rules::Error => return Ok(INPUT),
            },
        };
        if !self.valid(pa, &new) {
            return Ok(INPUT);
        }
        let old = self.rmp.authoritative(pa);
        if old.immutable || self.firmware.fixes(pa, new.size.bytes()) {
            return Ok(PERMISSION);
        }
        let overlap = match new.size {
            Size::Page => old.size == Size::Block,
            Size::Block => self.rmp.others_assigned(pa),
        };
        if overlap {
            return Ok(OVERLAP);
        }
        let region = Region::of(pa);
        let before = self.rmp.assigned(region).total();
        match new.size {
            Size::Page => {
                self.rmp.set_page(pa, new);
                self.mirror_page(memory, pa)?;
            }
            Size::Block => {
                self.rmp.set_block(pa, new);
                self.mirror(memory, pa)?;
            }
        }
        self.changed(region, before, new.assigned)?;
        Ok(OK)
    }

    /// Whether RMPUPDATE accepts the operand: its owner is valid, its addresses are aligned, and the RMP covers the
    /// page.
    fn valid(&self, pa: u64, new: &Entry) -> bool {
        let owner = match (new.assigned, new.asid, new.immutable) {
            (false, asid, immutable) => asid == 0 && !immutable,
            (true, 0, immutable) => immutable,
            (true, asid, _) => asid <= MAX_ASID,
        };
        owner
            && pa % new.size.bytes() == 0
            && new.gpa % new.size.bytes() == 0
            && new.gpa < GPA_LIMIT
            && self.layout.covers(Region::of(pa))
    }

    /// Executes RMPREAD. Returns the code, and the 16 bytes if the code is 0.
    pub fn rmpread(&mut self, pa: u64) -> (Outcome, Option<[u8; 16]>) {
        if !self.config.kind.rmpread() || !self.snp() {
            return (Outcome::Undefined, None);
        }
        self.counters().rmpread += 1;
        if let Some(code) = self.injection.take(Injected::Read) {
            return (Outcome::Code(code), None);
        }
        if pa % PAGE != 0 || !self.layout.covers(Region::of(pa)) {
            return (Outcome::Code(INPUT), None);
        }
        let others = pa % BLOCK == 0 && self.rmp.others_assigned(pa);
        let operand = self.own_entry(pa).to_operand(others);
        (Outcome::Code(OK), Some(operand))
    }

    /// Executes PSMASH.
    pub fn psmash(&mut self, memory: &dyn Memory, pa: u64) -> Result<Outcome, Fatal> {
        if !self.config.kind.snp() || !self.snp() {
            return Ok(Outcome::Undefined);
        }
        let code = match self.injection.take(Injected::Smash) {
            Some(code) => code,
            None => self.try_smash(memory, pa)?,
        };
        let counts = &mut self.counters().psmash;
        if code == OK {
            counts.ok += 1;
        } else {
            counts.fail += 1;
        }
        Ok(Outcome::Code(code))
    }

    fn try_smash(&mut self, memory: &dyn Memory, pa: u64) -> Result<u32, Fatal> {
        let region = Region::of(pa);
        if pa % BLOCK != 0 || !self.layout.covers(region) {
            return Ok(INPUT);
        }
        let entry = self.rmp.authoritative(pa);
        if !entry.assigned || entry.size != Size::Block {
            return Ok(INPUT);
        }
        if entry.immutable {
            return Ok(PERMISSION);
        }
        let before = self.rmp.assigned(region).total();
        self.rmp.smash(pa);
        self.mirror(memory, pa)?;
        self.changed(region, before, true)?;
        Ok(OK)
    }
}
