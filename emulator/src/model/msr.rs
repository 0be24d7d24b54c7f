// SPDX-License-Identifier: GPL-2.0

//! The MSRs that differ from QEMU's. Source: AMD64 Architecture Programmer's Manual, volume 2, 15.36; RMPOPT_BASE from
//! AMD's patches "Add RMPOPT support" of 2026.

use super::addr::{index, PHYS_BITS, REGION};
use super::platform::Early;
use super::switches::{
    BaseMoves, BaseWriteClears, CoreFault, EarlyEnable, EnableSticky, UnalignedBase,
};
use super::table::ENABLE;
use super::{Fatal, Machine};

const SYSCFG: u32 = 0xc001_0010;
const HWCR: u32 = 0xc001_0015;
const RMP_BASE: u32 = 0xc001_0132;
const RMP_END: u32 = 0xc001_0133;
const RMP_CFG: u32 = 0xc001_0136;
const RMPOPT_BASE: u32 = 0xc001_0139;

const ENCRYPTION: u64 = 1 << 23;
pub(super) const SNP_EN: u64 = 1 << 24;
pub(super) const VMPL_EN: u64 = 1 << 25;
const SMM_LOCK: u64 = 1 << 0;

/// Whether the emulator handles the MSR. QEMU handles all others, to which there are many accesses.
pub fn is_ours(msr: u32) -> bool {
    matches!(
        msr,
        SYSCFG | HWCR | RMP_BASE | RMP_END | RMP_CFG | RMPOPT_BASE
    )
}

/// The outcome of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsrAccess {
    /// The access is done; a read returns this value.
    Done(u64),
    /// The access raises #GP.
    Fault,
    /// QEMU handles the access.
    Pass,
}

impl Machine {
    /// Executes RDMSR.
    pub fn rdmsr(&self, vcpu: u64, msr: u32) -> MsrAccess {
        let kind = self.config.kind;
        if !kind.snp() {
            return match msr {
                RMP_BASE | RMP_END | RMP_CFG | RMPOPT_BASE => MsrAccess::Fault,
                _ => MsrAccess::Pass,
            };
        }
        if let Some(value) = self.msr_overrides.get(&msr) {
            return MsrAccess::Done(*value);
        }
        MsrAccess::Done(match msr {
            SYSCFG => {
                let written = self.syscfg.get(index(vcpu)).copied().unwrap_or(0);
                written | ENCRYPTION
            }
            HWCR => self.hwcr.get(index(vcpu)).copied().unwrap_or(0) | SMM_LOCK,
            RMP_BASE => self.layout.base,
            RMP_END => self.layout.end,
            RMP_CFG if kind.segmented() => self.layout.config,
            RMPOPT_BASE if kind.rmpopt() => {
                let core = index(self.core_of(vcpu));
                self.tables.get(core).map_or(0, |table| table.base())
            }
            RMP_CFG | RMPOPT_BASE => return MsrAccess::Fault,
            _ => return MsrAccess::Pass,
        })
    }

    /// Executes WRMSR.
    pub fn wrmsr(&mut self, vcpu: u64, msr: u32, value: u64) -> Result<MsrAccess, Fatal> {
        let kind = self.config.kind;
        if !kind.snp() {
            return Ok(self.rdmsr(vcpu, msr));
        }
        Ok(match msr {
            SYSCFG => {
                // SYSCFG is locked once SnpEn is set.
                if !self.snp_of(vcpu) {
                    if value & SNP_EN != 0 && !self.snp() {
                        self.clear_rmp();
                    }
                    if let Some(place) = self.syscfg.get_mut(index(vcpu)) {
                        *place = value;
                    }
                }
                MsrAccess::Done(0)
            }
            HWCR => {
                if let Some(place) = self.hwcr.get_mut(index(vcpu)) {
                    *place = value;
                }
                MsrAccess::Done(0)
            }
            // The firmware has set and locked these.
            RMP_BASE | RMP_END | RMP_CFG => MsrAccess::Fault,
            RMPOPT_BASE if kind.rmpopt() => {
                let core = self.core_of(vcpu);
                let early = self.before_init_is_over(
                    vcpu,
                    format_args!("a write of RMPOPT_BASE ({value:#x})"),
                )?;
                let access = match (early, self.fault_of(core)) {
                    (Early::Fault, _) | (_, CoreFault::Protection) => MsrAccess::Fault,
                    _ => self
                        .held_by_snp(core, value)
                        .unwrap_or_else(|| self.write_base(core, value)),
                };
                self.count_base_write(core);
                access
            }
            RMPOPT_BASE => MsrAccess::Fault,
            _ => MsrAccess::Pass,
        })
    }

    /// From now on RDMSR returns `value`; `None`: the machine's own value again.
    pub fn override_msr(&mut self, msr: u32, value: Option<u64>) {
        match value {
            Some(value) => self.msr_overrides.insert(msr, value),
            None => self.msr_overrides.remove(&msr),
        };
    }

    fn count_base_write(&mut self, core: u64) {
        let counts = &mut self.counters().rmpopt_base;
        counts.writes += 1;
        if let Some(by_core) = counts.by_core.get_mut(index(core)) {
            *by_core += 1;
        }
    }

    /// The outcome of a WRMSR of RMPOPT_BASE that the processor does not permit while SNP is on. `None` where the write
    /// is permitted.
    fn held_by_snp(&self, core: u64, value: u64) -> Option<MsrAccess> {
        let table = self.tables.get(index(core))?;
        let malformed = value >> PHYS_BITS != 0
            || value & (REGION - 1) & !ENABLE != 0
                && self.switches.unaligned_base == UnalignedBase::Fault;
        if !self.snp() || !table.enabled() || malformed {
            return None;
        }
        if value & ENABLE == 0 {
            match self.switches.enable_sticky {
                EnableSticky::Ignored => Some(MsrAccess::Done(0)),
                EnableSticky::Fault => Some(MsrAccess::Fault),
                EnableSticky::Clear => None,
            }
        } else if (value ^ table.base()) / REGION != 0 {
            match self.switches.base_moves {
                BaseMoves::Yes => None,
                BaseMoves::Ignored => Some(MsrAccess::Done(0)),
                BaseMoves::Fault => Some(MsrAccess::Fault),
            }
        } else {
            None
        }
    }

    /// Writes RMPOPT_BASE of a core, as the platform may: the switches `enable_sticky` and `base_moves` do not apply.
    pub fn write_base(&mut self, core: u64, value: u64) -> MsrAccess {
        let ready = self.snp() && self.layout.segmented();
        let switches = self.switches;
        let Some(table) = self.tables.get_mut(index(core)) else {
            return MsrAccess::Fault;
        };
        if value >> PHYS_BITS != 0 {
            return MsrAccess::Fault;
        }
        let mut value = value;
        if value & (REGION - 1) & !ENABLE != 0 {
            match switches.unaligned_base {
                UnalignedBase::Fault => return MsrAccess::Fault,
                UnalignedBase::Align => value &= !(REGION - 1) | ENABLE,
            }
        }
        if value & ENABLE != 0 && !ready {
            return match switches.early_enable {
                EarlyEnable::Fault => MsrAccess::Fault,
                EarlyEnable::Ignore => MsrAccess::Done(0),
            };
        }
        let old = table.base();
        let clear = match switches.base_write_clears {
            BaseWriteClears::Always => true,
            BaseWriteClears::Change => old != value,
            BaseWriteClears::Base => (old ^ value) & !ENABLE != 0,
        };
        if clear {
            table.clear();
        }
        table.set_base(value);
        MsrAccess::Done(0)
    }
}
