// SPDX-License-Identifier: GPL-2.0

//! RMPOPT. Its beginning and its end are separate calls, so that it can take time and an RMPUPDATE can occur in
//! between.

use super::addr::{index, number, Region};
use super::platform::Early;
use super::rmp::Scan;
use super::switches::{CoreFault, FunctionAbove1, OutsideWindow, Uncovered};
use super::{Fatal, Machine};
use std::collections::BTreeMap;

/// The cores that are executing RMPOPT, by region.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights {
    regions: BTreeMap<Region, BTreeMap<u64, u64>>,
}

impl Flights {
    /// Records that a core begins an RMPOPT on a region. Returns the number of cores that execute one there now.
    fn enter(&mut self, region: Region, core: u64) -> u64 {
        let cores = self.regions.entry(region).or_default();
        *cores.entry(core).or_default() += 1;
        number(cores.len())
    }

    fn leave(&mut self, region: Region, core: u64) {
        if let Some(cores) = self.regions.get_mut(&region) {
            if let Some(threads) = cores.get_mut(&core) {
                *threads -= 1;
                if *threads == 0 {
                    cores.remove(&core);
                }
            }
            if cores.is_empty() {
                self.regions.remove(&region);
            }
        }
    }
}

/// The work of an RMPOPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It reports the core's own bit, or verifies a region that the core has already.
    Own,
    /// It takes the stored result of another core's scan.
    Stored,
    /// It reads the RMP.
    Scan {
        /// The number of entries that it reads.
        entries: u64,
        /// None of these entries is assigned.
        free: bool,
    },
    /// It fails: the region is not in the window, or the RMP does not cover it and the switch `uncovered` refuses that.
    Refuse,
}

/// An RMPOPT under way.
#[derive(Clone, Debug)]
pub struct Flight {
    core: u64,
    region: Region,
    verify: bool,
    work: Work,
    /// The number of assignments in the region before it began.
    assigns: u64,
    /// The number of SNP_INITs before it began.
    inits: u64,
}

impl Flight {
    /// The work of this RMPOPT.
    pub fn work(&self) -> Work {
        self.work
    }
}

/// The result of beginning an RMPOPT.
#[derive(Clone, Debug)]
pub enum Begin {
    /// #UD.
    Undefined,
    /// The RMPOPT takes its time; then the caller has to call [`Machine::rmpopt_end`].
    Run(Flight),
}

impl Machine {
    /// Begins an RMPOPT.
    pub fn rmpopt_begin(&mut self, vcpu: u64, rax: u64, rcx: u64) -> Result<Begin, Fatal> {
        let core = self.core_of(vcpu);
        let region = Region::of(rax);
        let early = if self.config.kind.rmpopt() {
            self.before_init_is_over(vcpu, format_args!("RMPOPT {rcx} of {region}"))?
        } else {
            Early::No
        };
        let Some(table) = self.tables.get(index(core)) else {
            return Ok(Begin::Undefined);
        };
        let enabled = table.enabled()
            && self.snp_of(vcpu)
            && early != Early::Fault
            && self.config.kind.rmpopt()
            && self.fault_of(core) != CoreFault::Undefined;
        let spans = table.spans(region);
        let optimised = table.optimised(region);
        let function = match (rcx, self.switches.function_above_1) {
            (0 | 1, _) => Some(rcx),
            (_, FunctionAbove1::Fault) => None,
            (_, FunctionAbove1::Mask) => Some(rcx & 1),
            (_, FunctionAbove1::Report) => Some(1),
        };
        let refused = !spans && self.switches.outside_window == OutsideWindow::Fault;
        let verify = match function {
            Some(function) if enabled && !refused => function == 0,
            _ => {
                let counts = &mut self.counters().rmpopt;
                counts.ud += 1;
                if let Some(by_core) = counts.by_core.get_mut(index(core)) {
                    by_core.ud += 1;
                }
                return Ok(Begin::Undefined);
            }
        };
        self.count_begin(core, region, verify, rcx > 1);
        let work = if !spans {
            Work::Refuse
        } else if !verify || optimised {
            Work::Own
        } else if !self.layout.covers(region) && self.switches.uncovered == Uncovered::Refuse {
            Work::Refuse
        } else if self.stored.contains(&region) {
            Work::Stored
        } else {
            let Scan { free, entries } = self.rmp.scan(region);
            Work::Scan { entries, free }
        };
        let cores = self.flights.enter(region, core);
        let counts = &mut self.counters().rmpopt;
        counts.most_cores_in_region = counts.most_cores_in_region.max(cores);
        Ok(Begin::Run(Flight {
            core,
            region,
            verify,
            work,
            assigns: self.assigns(region),
            inits: self.inits,
        }))
    }

    /// Ends an RMPOPT. Returns CF.
    pub fn rmpopt_end(&mut self, flight: Flight) -> Result<bool, Fatal> {
        let Flight {
            core,
            region,
            verify,
            work,
            assigns,
            inits,
        } = flight;
        self.flights.leave(region, core);
        // RMPUPDATE wins any race: an assignment since the beginning makes RMPOPT fail, even if the page is free again.
        let undisturbed = self.assigns(region) == assigns && self.inits == inits;
        let found = match work {
            Work::Own => false,
            Work::Stored => undisturbed,
            Work::Scan { free, .. } => free && undisturbed,
            Work::Refuse => false,
        };
        let mut success = false;
        if let Some(table) = self.tables.get_mut(index(core)) {
            if found && table.enabled() && table.spans(region) {
                table.set(region, true);
            }
            success = table.optimised(region) && work != Work::Refuse;
        }
        if let Work::Scan { entries, .. } = work {
            self.count_scan(core, region, entries, success);
            if success {
                self.store_result(region);
            }
        }
        if success && verify {
            self.history.entry(region).or_default().verified = true;
        }
        self.count_end(core, region, success);
        self.check(region)?;
        Ok(success)
    }

    fn assigns(&self, region: Region) -> u64 {
        self.history.get(&region).map_or(0, |h| h.assigns)
    }

    fn count_begin(&mut self, core: u64, region: Region, verify: bool, other: bool) {
        let counters = self.counters();
        if other {
            counters.rmpopt.other += 1;
            return;
        }
        let by_region = counters.region(region);
        if verify {
            by_region.verify += 1;
            counters.rmpopt.verify += 1;
        } else {
            by_region.report += 1;
            counters.rmpopt.report += 1;
        }
        if let Some(by_core) = counters.rmpopt.by_core.get_mut(index(core)) {
            if verify {
                by_core.verify += 1;
            } else {
                by_core.report += 1;
            }
        }
    }

    fn count_scan(&mut self, core: u64, region: Region, entries: u64, success: bool) {
        let history = self.history.entry(region).or_default();
        let race = !success && history.raced && history.failed.insert(core);
        let counters = self.counters();
        let by_region = counters.region(region);
        by_region.scans += 1;
        by_region.scanned_by.insert(core);
        counters.raced_scans += u64::from(race);
        let counts = &mut counters.rmpopt;
        counts.scans += 1;
        counts.failed_scans += u64::from(!success);
        counts.entries_read += entries;
        if let Some(by_core) = counts.by_core.get_mut(index(core)) {
            by_core.scans += 1;
        }
    }

    fn count_end(&mut self, core: u64, region: Region, success: bool) {
        let counters = self.counters();
        counters.region(region).success += u64::from(success);
        let counts = &mut counters.rmpopt;
        counts.success += u64::from(success);
        counts.fail += u64::from(!success);
        if let Some(by_core) = counts.by_core.get_mut(index(core)) {
            by_core.success += u64::from(success);
        }
    }
}
