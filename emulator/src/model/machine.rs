// SPDX-License-Identifier: GPL-2.0

//! The machine: its state, the broadcast clear, and the invariant.

use super::addr::{index, number, Region, BLOCK, PAGE};
use super::counters::Counters;
use super::cpuid::{self, Leaf, Limits, CACHED_SEGMENTS};
use super::entry::{Entry, Size};
use super::kind::Kind;
use super::layout::{Layout, Request};
use super::platform::Phase;
use super::psp::Firmware;
use super::rmp::{Assigned, Rmp};
use super::rmpopt::Flights;
use super::switches::{CoreFault, StoredResult, SubPages, Switches};
use super::table::Table;
use super::update::Injection;
use super::{Fatal, Memory};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The properties of the machine that do not change during a run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The processor.
    pub kind: Kind,
    /// The number of vCPUs.
    pub cpus: u64,
    /// The number of threads per core. The threads of a core have adjacent vCPU numbers.
    pub threads: u64,
    /// Span of a core's table in GiB.
    pub window: u64,
    /// Where the RMP lies.
    pub layout: Request,
    /// Regions that hold a page of the firmware from the start.
    pub firmware: Vec<u64>,
    /// SNP is on when the guest starts.
    pub snp: bool,
    /// There is a firmware processor, and KVM can have SNP guests.
    pub psp: bool,
}

/// The history of a region that later counting needs.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// How often a page was assigned.
    pub(super) assigns: u64,
    /// A core has found the region free since it became empty.
    pub(super) verified: bool,
    /// A page was assigned after a core had found the region free.
    pub(super) raced: bool,
    /// The cores whose scan has failed since that assignment.
    pub(super) failed: BTreeSet<u64>,
}

/// The machine.
pub struct Machine {
    pub(super) config: Config,
    pub(super) layout: Layout,
    pub(super) switches: Switches,
    pub(super) phase: Phase,
    pub(super) firmware: Firmware,
    /// The number of SNP_INITs so far.
    pub(super) inits: u64,
    pub(super) rmp: Rmp,
    /// Entries that the kernel has cleared, whose old values guest memory may still show.
    pub(super) unmirrored: Vec<u64>,
    pub(super) tables: Vec<Table>,
    /// Regions with a shared scan result, the oldest first.
    pub(super) stored: VecDeque<Region>,
    pub(super) history: BTreeMap<Region, History>,
    pub(super) flights: Flights,
    pub(super) injection: Injection,
    pub(super) faults: Vec<CoreFault>,
    /// Values that RDMSR returns instead of the machine's own.
    pub(super) msr_overrides: BTreeMap<u32, u64>,
    pub(super) syscfg: Vec<u64>,
    pub(super) hwcr: Vec<u64>,
    /// The next assignment does not clear the tables: a fault that the check of the invariant must find.
    pub(super) miss_next_clear: bool,
    counters: Counters,
}

impl Machine {
    /// A machine in the state in which the firmware leaves it.
    pub fn new(config: Config, switches: Switches, memory: &dyn Memory) -> Result<Self, Fatal> {
        let layout = Layout::new(config.layout).map_err(Fatal)?;
        let cores = config.cpus.div_ceil(config.threads);
        let mut machine = Self {
            layout,
            switches,
            phase: Phase::default(),
            firmware: Firmware::default(),
            inits: 0,
            rmp: Rmp::default(),
            unmirrored: Vec::new(),
            tables: (0..cores).map(|_| Table::new(config.window)).collect(),
            stored: VecDeque::new(),
            history: BTreeMap::new(),
            flights: Flights::default(),
            injection: Injection::default(),
            faults: (0..cores).map(|_| CoreFault::Well).collect(),
            msr_overrides: BTreeMap::new(),
            syscfg: (0..config.cpus).map(|_| 0).collect(),
            hwcr: (0..config.cpus).map(|_| 0).collect(),
            miss_next_clear: false,
            counters: Counters::new(cores),
            config,
        };
        if machine.config.kind.snp() {
            machine.write_segment_table(memory)?;
            if machine.config.snp {
                machine.snp_on(memory)?;
            }
            machine.counters = Counters::new(cores);
        }
        Ok(machine)
    }

    /// The properties that were given at the start.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the RMP lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The switches.
    pub fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }

    /// The counters.
    pub fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// Sets all counters to zero.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::new(self.cores());
    }

    /// Number of cores.
    pub fn cores(&self) -> u64 {
        number(self.tables.len())
    }

    /// The core that a vCPU is a thread of.
    pub fn core_of(&self, vcpu: u64) -> u64 {
        vcpu / self.config.threads
    }

    /// Executes CPUID. `None` where QEMU has to answer.
    pub fn cpuid(&self, leaf: u32, qemu_max: u32) -> Option<Leaf> {
        let limits = Limits {
            shift: self.layout.shift,
            many: self.layout.count() > u64::from(CACHED_SEGMENTS),
            psp: self.config.psp,
        };
        cpuid::leaf(self.config.kind, limits, leaf, qemu_max)
    }

    /// Drops all shared scan results.
    pub fn forget(&mut self) {
        self.stored.clear();
    }

    /// Writes the segment table as the firmware does. Also restores a table that a test has changed.
    pub fn write_segment_table(&self, memory: &dyn Memory) -> Result<(), Fatal> {
        match self.layout.segment_table() {
            Some(table) => put(memory, self.layout.segment_table_address(), &table),
            None => Ok(()),
        }
    }

    /// Makes the next assignment leave the tables uncleared.
    pub fn miss_next_clear(&mut self) {
        self.miss_next_clear = true;
    }

    /// Breaks or repairs a core. False if there is no core with that number.
    pub fn break_core(&mut self, core: u64, fault: CoreFault) -> bool {
        match self.faults.get_mut(index(core)) {
            Some(place) => {
                *place = fault;
                true
            }
            None => false,
        }
    }

    /// The fault with which a core was broken.
    pub(super) fn fault_of(&self, core: u64) -> CoreFault {
        let fault = self.faults.get(index(core)).copied();
        fault.unwrap_or(CoreFault::Well)
    }

    /// RMPOPT_BASE of a core and its optimised regions.
    pub fn table(&self, core: u64) -> Option<(u64, Vec<u64>)> {
        let table = self.tables.get(index(core))?;
        Some((table.base(), table.regions()))
    }

    /// Cores that have a region optimised.
    pub fn optimised(&self, region: Region) -> Vec<u64> {
        let tables = (0..).zip(&self.tables);
        tables
            .filter(|(_, table)| table.optimised(region))
            .map(|(core, _)| core)
            .collect()
    }

    /// Whether a vCPU's core skips the check of a store to the region. `None` before SNP_INIT is over, while nothing is
    /// checked.
    pub fn skips_check(&self, vcpu: u64, region: Region) -> Option<bool> {
        let table = self.tables.get(index(self.core_of(vcpu)))?;
        self.checks_stores(vcpu).then(|| table.optimised(region))
    }

    /// Assigned pages of a region.
    pub fn assigned(&self, region: Region) -> Assigned {
        self.rmp.assigned(region)
    }

    /// Regions with assigned pages.
    pub fn held(&self) -> impl Iterator<Item = Region> + '_ {
        self.rmp.regions()
    }

    /// The entry that applies to a page.
    pub fn entry(&self, pa: u64) -> Entry {
        self.rmp.authoritative(pa)
    }

    /// All assigned entries.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.rmp.entries()
    }

    /// Changes an entry without the guest's knowledge, as the firmware may. No rules are checked; the tables are
    /// cleared.
    pub fn set_entry(&mut self, memory: &dyn Memory, pa: u64, entry: Entry) -> Result<(), Fatal> {
        let region = Region::of(pa);
        let before = self.rmp.assigned(region).total();
        match entry.size {
            Size::Block => self.rmp.set_block(pa, entry),
            Size::Page => self.rmp.set_page(pa, entry),
        }
        self.mirror(memory, pa)?;
        self.changed(region, before, entry.assigned)
    }

    /// Checks the invariant for a region: an optimised region holds no assigned page.
    pub fn check(&self, region: Region) -> Result<(), Fatal> {
        let assigned = self.rmp.assigned(region);
        if assigned.total() == 0 {
            return Ok(());
        }
        match (0..).zip(&self.tables).find(|(_, table)| table.bit(region)) {
            None => Ok(()),
            Some((core, _)) => {
                let core: u64 = core;
                Err(Fatal(format!(
                    "{region} is optimised on core {core} and holds {} assigned pages",
                    assigned.total()
                )))
            }
        }
    }

    /// Checks the invariant for all memory.
    pub fn check_all(&self) -> Result<(), Fatal> {
        self.held().try_for_each(|region| self.check(region))
    }

    /// Does what a change of the entries of `region` requires. The region held `before` assigned pages.
    pub(super) fn changed(
        &mut self,
        region: Region,
        before: u64,
        assigns: bool,
    ) -> Result<(), Fatal> {
        let after = self.rmp.assigned(region).total();
        if assigns {
            self.broadcast_clear(region);
        }
        match (before, after) {
            (0, 0) => (),
            (0, _) => {
                self.counters.regions.became_assigned += 1;
                let history = self.history.entry(region).or_default();
                history.raced = std::mem::take(&mut history.verified);
                history.failed.clear();
            }
            (_, 0) => self.became_empty(region),
            _ => (),
        }
        self.check(region)
    }

    pub(super) fn became_empty(&mut self, region: Region) {
        self.counters.regions.became_empty += 1;
        self.counters.changes(region).became_empty += 1;
        let history = self.history.entry(region).or_default();
        history.verified = false;
        history.raced = false;
    }

    /// Clears the region's bit on all cores, because a page of it was assigned.
    fn broadcast_clear(&mut self, region: Region) {
        self.history.entry(region).or_default().assigns += 1;
        self.stored.retain(|r| *r != region);
        if std::mem::take(&mut self.miss_next_clear) {
            return;
        }
        let mut displaced = false;
        for table in &mut self.tables {
            displaced |= table.set(region, false);
        }
        if displaced {
            self.counters.changes(region).displaced += 1;
        }
    }

    /// Stores the result of a scan that found the region free, so that other cores need not scan.
    pub(super) fn store_result(&mut self, region: Region) {
        self.stored.retain(|r| *r != region);
        let room = match self.switches.stored_result {
            StoredResult::Off => return,
            StoredResult::Kept => usize::MAX,
            StoredResult::Last(n) => n,
        };
        self.stored.push_back(region);
        while self.stored.len() > room {
            self.stored.pop_front();
        }
    }

    /// The entry of the page itself. Under a 2 MiB entry the switch `sub_pages` determines it.
    pub(super) fn own_entry(&self, pa: u64) -> Entry {
        match (self.rmp.stored(pa), self.switches.sub_pages) {
            (Some(entry), _) => entry,
            (None, SubPages::Zero) => Entry::default(),
            (None, SubPages::Copy) => {
                let block = self.rmp.authoritative(pa);
                Entry {
                    gpa: block.gpa + pa % BLOCK / PAGE * PAGE,
                    ..block
                }
            }
        }
    }

    /// Writes the entries of the block of `pa` to memory.
    pub(super) fn mirror(&self, memory: &dyn Memory, pa: u64) -> Result<(), Fatal> {
        let first = pa / BLOCK * BLOCK;
        match self.layout.entry_address(first) {
            Some(address) if self.layout.in_ram => {
                let pages = (first..first + BLOCK).step_by(index(PAGE));
                let raw: Vec<u8> = pages
                    .flat_map(|page| self.own_entry(page).raw_bytes())
                    .collect();
                put(memory, address, &raw)
            }
            _ => Ok(()),
        }
    }

    /// Writes the one entry of the page at `pa`. For changes that neither split nor created a 2 MiB entry.
    pub(super) fn mirror_page(&self, memory: &dyn Memory, pa: u64) -> Result<(), Fatal> {
        match self.layout.entry_address(pa) {
            Some(address) if self.layout.in_ram => {
                put(memory, address, &self.own_entry(pa).raw_bytes())
            }
            _ => Ok(()),
        }
    }
}

/// Writes a part of the RMP to guest memory.
fn put(memory: &dyn Memory, pa: u64, bytes: &[u8]) -> Result<(), Fatal> {
    if memory.write(pa, bytes) {
        return Ok(());
    }
    Err(Fatal(format!(
        "a part of the RMP cannot be written: there is no memory at {pa:#x}"
    )))
}
