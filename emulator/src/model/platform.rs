// SPDX-License-Identifier: GPL-2.0

//! How far SNP is: SnpEn of each CPU, SNP_INIT, and what no core may do before SNP_INIT is over.

use super::addr::{index, BLOCK, REGION};
use super::entry::{Entry, Size};
use super::msr::{SNP_EN, VMPL_EN};
use super::switches::{DuringInit, ShutdownBase};
use super::table::Table;
use super::{Fatal, Machine, Memory, Region};
use std::fmt;

/// What the firmware has done since SnpEn was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No SNP_INIT. SnpEn may be set on some CPUs or on all.
    #[default]
    Uninitialised,
    /// SNP_INIT is under way.
    Initialising,
    /// SNP_INIT is over.
    Initialised,
    /// The legacy shutdown: the firmware has left, SnpEn, RMPOPT_BASE and the RMP's checks stay.
    ShutDown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uninitialised => "uninitialised",
            Self::Initialising => "initialising",
            Self::Initialised => "initialised",
            Self::ShutDown => "shut-down",
        })
    }
}

/// What an access does that comes before SNP_INIT is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// SNP_INIT is over, or SnpEn is not set: the usual rules.
    No,
    /// RMPOPT raises #UD, a write of RMPOPT_BASE #GP.
    Fault,
    /// It works; the end of SNP_INIT clears the table and RMPOPT_BASE.
    Cleared,
}

impl Machine {
    /// SYSCFG[SnpEn] of any CPU.
    pub fn snp(&self) -> bool {
        self.syscfg.iter().any(|value| value & SNP_EN != 0)
    }

    /// SYSCFG[SnpEn] of a CPU.
    pub(super) fn snp_of(&self, vcpu: u64) -> bool {
        let value = self.syscfg.get(index(vcpu));
        value.is_some_and(|value| value & SNP_EN != 0)
    }

    /// SYSCFG[SnpEn] of each CPU: without that the firmware refuses SNP_INIT.
    pub fn snp_everywhere(&self) -> bool {
        self.syscfg.iter().all(|value| value & SNP_EN != 0)
    }

    /// A CPU's stores are checked against the RMP: not before the first SNP_INIT is over.
    pub(super) fn checks_stores(&self, vcpu: u64) -> bool {
        self.snp_of(vcpu) && matches!(self.phase, Phase::Initialised | Phase::ShutDown)
    }

    /// How far the firmware is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Clears the RMP, as the kernel does before it sets SnpEn on the first CPU: its stores are not seen here.
    pub(super) fn clear_rmp(&mut self) {
        let again = self.firmware_ranges();
        let given_back: Vec<Region> = self
            .held()
            .filter(|region| !again.iter().any(|(start, _)| Region::of(*start) == *region))
            .collect();
        self.unmirrored.extend(self.rmp.entries().map(|(pa, _)| pa));
        self.rmp.clear();
        for region in given_back {
            self.became_empty(region);
        }
    }

    /// What SNP_INIT gives to the firmware: the RMP's own memory, and what the options say.
    fn firmware_ranges(&self) -> Vec<(u64, u64)> {
        let mut ranges = self.layout.own_ranges();
        let given = self.config.firmware.iter();
        ranges.extend(given.map(|gib| (Region(*gib).start() + REGION / 2, BLOCK)));
        ranges
    }

    /// Sets SnpEn on all CPUs, as the kernel does before SNP_INIT.
    pub fn snp_prepare(&mut self) {
        if !self.snp() {
            self.clear_rmp();
        }
        for value in &mut self.syscfg {
            *value |= SNP_EN | VMPL_EN;
        }
    }

    /// SNP_INIT begins. An error says why the firmware refuses it.
    pub fn snp_init_begin(&mut self) -> Result<(), String> {
        if !self.snp_everywhere() {
            return Err("SnpEn is not set on all CPUs".into());
        }
        match self.phase {
            Phase::Uninitialised | Phase::ShutDown => {
                self.phase = Phase::Initialising;
                Ok(())
            }
            Phase::Initialising => Err("an SNP_INIT is under way".into()),
            Phase::Initialised => Err("SNP is initialised".into()),
        }
    }

    /// SNP_INIT ends. It has written the RMP anew and cleared the tables and RMPOPT_BASE.
    pub fn snp_init_end(&mut self, memory: &dyn Memory) -> Result<(), Fatal> {
        self.phase = Phase::Initialised;
        self.inits += 1;
        self.firmware.begin_anew();
        self.counters().platform.inits += 1;
        self.clear_tables();
        self.forget();
        let mut old = std::mem::take(&mut self.unmirrored);
        old.extend(self.rmp.entries().map(|(pa, _)| pa));
        let held: Vec<Region> = self.held().collect();
        self.rmp.clear();
        for pa in old {
            self.mirror(memory, pa)?;
        }
        for (start, length) in self.firmware_ranges() {
            let first = start / BLOCK * BLOCK;
            for pa in (first..start + length).step_by(index(BLOCK)) {
                if self.layout.covers(Region::of(pa)) {
                    self.rmp.set_block(pa, Entry::firmware(Size::Block));
                    self.mirror(memory, pa)?;
                }
            }
        }
        for region in held {
            if self.rmp.assigned(region).total() == 0 {
                self.became_empty(region);
            }
        }
        Ok(())
    }

    /// Initialises SNP in one step, again where it is on already: SnpEn on all CPUs, and a whole SNP_INIT.
    pub fn snp_on(&mut self, memory: &dyn Memory) -> Result<(), Fatal> {
        self.snp_prepare();
        self.snp_init_end(memory)
    }

    /// The legacy shutdown. It changes nothing that a core can see.
    pub fn snp_off_legacy(&mut self) {
        if self.phase == Phase::Initialised {
            self.phase = Phase::ShutDown;
        }
    }

    /// The full shutdown: SnpEn 0, tables clear, RMPOPT_BASE 0 unless the switch `shutdown_base` keeps it. The RMP
    /// keeps what it held, and nothing is checked against it.
    pub fn snp_off(&mut self) {
        for value in &mut self.syscfg {
            *value &= !(SNP_EN | VMPL_EN);
        }
        self.phase = Phase::Uninitialised;
        match self.switches.shutdown_base {
            ShutdownBase::Cleared => self.clear_tables(),
            ShutdownBase::Kept => self.tables.iter_mut().for_each(Table::clear),
        }
        self.forget();
    }

    /// The assertion: no RMPOPT and no write of RMPOPT_BASE while SnpEn is set and SNP_INIT is not over. `what` names
    /// the access.
    pub(super) fn before_init_is_over(
        &mut self,
        vcpu: u64,
        what: fmt::Arguments<'_>,
    ) -> Result<Early, Fatal> {
        let over = match self.phase {
            Phase::Uninitialised => !self.snp(),
            Phase::Initialising => false,
            Phase::Initialised | Phase::ShutDown => true,
        };
        if over {
            return Ok(Early::No);
        }
        self.counters().platform.during_init += 1;
        match self.switches.during_init {
            DuringInit::Fatal => Err(Fatal(format!(
                "{what} on CPU {vcpu} while SnpEn is set and SNP_INIT is not over ({})",
                self.phase
            ))),
            DuringInit::Fault => Ok(Early::Fault),
            DuringInit::Cleared => Ok(Early::Cleared),
        }
    }

    fn clear_tables(&mut self) {
        for table in &mut self.tables {
            table.set_base(0);
            table.clear();
        }
    }
}
