// SPDX-License-Identifier: GPL-2.0

//! The emulator's counters. README.md explains each of them.

use super::addr::Region;
use super::psp::Command;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// All counters since the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counters {
    /// RMPOPT.
    pub rmpopt: Rmpopt,
    /// RMPUPDATE.
    pub rmpupdate: Update,
    /// PSMASH.
    pub psmash: Smash,
    /// Executed RMPREAD.
    pub rmpread: u64,
    /// Writes of RMPOPT_BASE.
    pub rmpopt_base: BaseWrites,
    /// SNP_INIT.
    pub platform: Platform,
    /// Commands of the firmware processor, by name.
    pub psp: BTreeMap<&'static str, u64>,
    /// Conversions, by their effect on regions.
    pub regions: Regions,
    /// Scans that failed because their region got an assigned page after some core had found it free.
    pub raced_scans: u64,
    /// Stores of the guest that a processor would check, and that it would not; only with `stores=on`.
    pub stores: Stores,
    /// Instructions retired at kernel addresses, by vCPU.
    pub kernel_instructions: Vec<u64>,
    /// The maximum over stretches with interrupts off, by vCPU; only with `interrupts=on`.
    pub interrupts_off: Vec<Done>,
}

/// RMPOPT.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rmpopt {
    /// Function 0.
    pub verify: u64,
    /// Function 1.
    pub report: u64,
    /// Other functions.
    pub other: u64,
    /// Those that returned CF 1.
    pub success: u64,
    /// Those that returned CF 0.
    pub fail: u64,
    /// Verify that read the RMP.
    pub scans: u64,
    /// Scans that met an assigned page.
    pub failed_scans: u64,
    /// Entries that the scans read.
    pub entries_read: u64,
    /// Those that raised #UD.
    pub ud: u64,
    /// By core.
    pub by_core: Vec<CoreRmpopt>,
    /// By region.
    pub by_region: BTreeMap<u64, RegionRmpopt>,
    /// The largest number of cores that executed RMPOPT on one region at the same time.
    pub most_cores_in_region: u64,
}

/// RMPOPT of one core.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CoreRmpopt {
    pub core: u64,
    pub verify: u64,
    pub report: u64,
    pub success: u64,
    pub scans: u64,
    pub ud: u64,
}

/// RMPOPT on one region.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RegionRmpopt {
    pub verify: u64,
    pub report: u64,
    pub success: u64,
    pub scans: u64,
    /// Cores that scanned it.
    pub scanned_by: BTreeSet<u64>,
}

/// RMPUPDATE.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Update {
    /// Those that succeeded.
    pub ok: u64,
    /// Those that returned an error.
    pub fail: u64,
    /// Successes that left the page assigned.
    pub assign: u64,
    /// Successes that gave the page back to the hypervisor.
    pub release: u64,
}

/// PSMASH.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Smash {
    /// Those that succeeded.
    pub ok: u64,
    /// Those that returned an error.
    pub fail: u64,
}

/// Writes of RMPOPT_BASE.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BaseWrites {
    /// All, refused ones too.
    pub writes: u64,
    /// By core.
    pub by_core: Vec<u64>,
}

/// SNP_INIT.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Platform {
    /// Those that ended.
    pub inits: u64,
    /// RMPOPT and writes of RMPOPT_BASE while SnpEn was set and SNP_INIT not over.
    pub during_init: u64,
}

/// The effects of conversions on regions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Regions {
    /// How often the first page of a region was assigned.
    pub became_assigned: u64,
    /// How often the last assigned page of a region was given back.
    pub became_empty: u64,
    /// By region.
    pub by_region: BTreeMap<u64, RegionChanges>,
}

/// The effects of conversions on one region.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RegionChanges {
    /// How often the region's last assigned page was given back.
    pub became_empty: u64,
    /// How often a page was assigned while a core had the region optimised.
    pub displaced: u64,
}

/// Stores.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stores {
    /// Checked against the RMP.
    pub checked: u64,
    /// Not checked because the core had the region optimised.
    pub skipped: u64,
}

/// What a vCPU has executed in total, or at most in one stretch with interrupts off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Instructions at kernel addresses.
    pub instructions: u64,
    /// Executed RMPOPT.
    pub rmpopt: u64,
    /// Executed RMPOPT that read the RMP.
    pub scans: u64,
}

impl Done {
    /// The differences to the earlier numbers `start`.
    pub fn since(self, start: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_sub(start.instructions),
            rmpopt: self.rmpopt.saturating_sub(start.rmpopt),
            scans: self.scans.saturating_sub(start.scans),
        }
    }

    /// The maximum of each number.
    pub fn most(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.max(other.instructions),
            rmpopt: self.rmpopt.max(other.rmpopt),
            scans: self.scans.max(other.scans),
        }
    }
}

impl Counters {
    /// Counters that are all zero, for `cores` cores.
    pub fn new(cores: u64) -> Self {
        let mut counters = Self::default();
        counters.rmpopt.by_core = (0..cores)
            .map(|core| CoreRmpopt {
                core,
                ..CoreRmpopt::default()
            })
            .collect();
        counters.psp = Command::NAMES.iter().map(|name| (*name, 0)).collect();
        counters.rmpopt_base.by_core = (0..cores).map(|_| 0).collect();
        counters
    }

    /// The counters of RMPOPT on a region.
    pub fn region(&mut self, region: Region) -> &mut RegionRmpopt {
        self.rmpopt.by_region.entry(region.0).or_default()
    }

    /// The counters of a region's changes.
    pub fn changes(&mut self, region: Region) -> &mut RegionChanges {
        self.regions.by_region.entry(region.0).or_default()
    }
}
