// SPDX-License-Identifier: GPL-2.0

//! The state of SNP: SnpEn of each CPU, SNP_INIT, and the accesses that are forbidden before SNP_INIT is over.

use super::addr::{index, BLOCK, REGION};
use super::entry::{Entry, Size};
use super::msr::{SNP_EN, VMPL_EN};
use super::switches::{DuringInit, ShutdownBase};
use super::table::Table;
use super::{Fatal, Machine, Memory, Region};
use std::fmt;

/// The state of the firmware since SnpEn was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There was no SNP_INIT. SnpEn may be set on some or all CPUs.
    #[default]
    Uninitialised,
    /// SNP_INIT is under way.
    Initialising,
    /// SNP_INIT is over.
    Initialised,
    /// There was a legacy shutdown: the firmware has ended SNP; SnpEn, RMPOPT_BASE and the checks of the RMP stay.
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

/// The effect of an access before SNP_INIT is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// SNP_INIT is over, or SnpEn is not set: the usual rules apply.
    No,
    /// RMPOPT raises #UD; a write of RMPOPT_BASE raises #GP.
    Fault,
    /// The access works; the end of SNP_INIT clears the table and RMPOPT_BASE.
    Cleared,
}

impl Machine {
    /// Whether SYSCFG[SnpEn] is set on any CPU.
    pub fn snp(&self) -> bool {
        self.syscfg.iter().any(|value| value & SNP_EN != 0)
    }

    /// Whether SYSCFG[SnpEn] is set on a CPU.
    pub(super) fn snp_of(&self, vcpu: u64) -> bool {
        let value = self.syscfg.get(index(vcpu));
        value.is_some_and(|value| value & SNP_EN != 0)
    }

    /// Whether SYSCFG[SnpEn] is set on each CPU. If not, the firmware refuses SNP_INIT.
    pub fn snp_everywhere(&self) -> bool {
        self.syscfg.iter().all(|value| value & SNP_EN != 0)
    }

    /// Whether a CPU's stores are checked against the RMP. They are not before the first SNP_INIT is over.
    pub(super) fn checks_stores(&self, vcpu: u64) -> bool {
        self.snp_of(vcpu) && matches!(self.phase, Phase::Initialised | Phase::ShutDown)
    }

    /// The state of the firmware.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Clears the RMP, as the kernel does before it sets SnpEn on the first CPU. The emulator does not see the kernel's
    /// stores.
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

    /// The ranges that SNP_INIT gives to the firmware: the memory of the RMP itself, and the pages of `firmware=`.
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

    /// Begins SNP_INIT. The error says why the firmware refuses it.
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

    /// Ends SNP_INIT: writes a new RMP and clears the tables and RMPOPT_BASE.
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

    /// Initialises SNP in one step: sets SnpEn on all CPUs, and executes a whole SNP_INIT, even where SNP is on
    /// already.
    pub fn snp_on(&mut self, memory: &dyn Memory) -> Result<(), Fatal> {
        self.snp_prepare();
        self.snp_init_end(memory)
    }

    /// Executes the legacy shutdown, which changes nothing that a core can see.
    pub fn snp_off_legacy(&mut self) {
        if self.phase == Phase::Initialised {
            self.phase = Phase::ShutDown;
        }
    }

    /// Executes the full shutdown: clears SnpEn, the tables and, unless the switch `shutdown_base` keeps it,
    /// RMPOPT_BASE. The RMP keeps its entries, and nothing is checked against it.
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

    /// Checks the assertion that there is no RMPOPT and no write of RMPOPT_BASE while SnpEn is set and SNP_INIT is not
    /// over. `what` names the access.
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
