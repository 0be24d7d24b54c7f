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

/// What is fixed for a run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The processor.
    pub kind: Kind,
    /// vCPUs.
    pub cpus: u64,
    /// SMT threads of a core; siblings have adjacent vCPU numbers.
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

/// What happened to a region, as far as later counting needs it.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Times that a page was assigned.
    pub(super) assigns: u64,
    /// A core found it free since it was last empty.
    pub(super) verified: bool,
    /// A page was assigned after a core had found it free.
    pub(super) raced: bool,
    /// Cores whose scan failed since then.
    pub(super) failed: BTreeSet<u64>,
}

/// The machine.
pub struct Machine {
    pub(super) config: Config,
    pub(super) layout: Layout,
    pub(super) switches: Switches,
    pub(super) phase: Phase,
    pub(super) firmware: Firmware,
    /// SNP_INITs so far.
    pub(super) inits: u64,
    pub(super) rmp: Rmp,
    /// Entries that the kernel has cleared, and that memory may still show.
    pub(super) unmirrored: Vec<u64>,
    pub(super) tables: Vec<Table>,
    /// Regions with a shared scan result, the oldest first.
    pub(super) stored: VecDeque<Region>,
    pub(super) history: BTreeMap<Region, History>,
    pub(super) flights: Flights,
    pub(super) injection: Injection,
    pub(super) faults: Vec<CoreFault>,
    /// Values that RDMSR gives instead of the machine's own.
    pub(super) msr_overrides: BTreeMap<u32, u64>,
    pub(super) syscfg: Vec<u64>,
    pub(super) hwcr: Vec<u64>,
    /// The next assignment does not clear the tables: the fault that the invariant has to find.
    pub(super) miss_next_clear: bool,
    counters: Counters,
}

impl Machine {
    /// A machine as its firmware leaves it.
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

    /// What was given at the start.
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

    /// All counters to zero.
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

    /// CPUID. `None` leaves it to QEMU.
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

    /// Writes the segment table as the firmware does; also when a test has changed it.
    pub fn write_segment_table(&self, memory: &dyn Memory) -> Result<(), Fatal> {
        match self.layout.segment_table() {
            Some(table) => put(memory, self.layout.segment_table_address(), &table),
            None => Ok(()),
        }
    }

    /// The next assignment fails to clear the tables.
    pub fn miss_next_clear(&mut self) {
        self.miss_next_clear = true;
    }

    /// Breaks a core, or mends it. False if there is none of that number.
    pub fn break_core(&mut self, core: u64, fault: CoreFault) -> bool {
        match self.faults.get_mut(index(core)) {
            Some(place) => {
                *place = fault;
                true
            }
            None => false,
        }
    }

    /// How a core is broken.
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

    /// A vCPU's core skips the check of a store. `None` while nothing is checked: before SNP_INIT is over.
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

    /// The entry that decides for a page.
    pub fn entry(&self, pa: u64) -> Entry {
        self.rmp.authoritative(pa)
    }

    /// All assigned entries.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.rmp.entries()
    }

    /// Changes an entry behind the guest's back, as the firmware may. No rule applies; the tables are cleared.
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

    /// The assertion of this emulator: an optimised region holds no assigned page.
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

    /// [`Machine::check`] of all memory.
    pub fn check_all(&self) -> Result<(), Fatal> {
        self.held().try_for_each(|region| self.check(region))
    }

    /// Follows a change of the entries of `region`, which held `before` assigned pages.
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

    /// A page of the region has become assigned: no core may skip its checks any more.
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

    /// A core's scan found the region free: the others need not scan.
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

    /// The entry of the page itself. Under a 2 MiB entry the switch `sub_pages` says what that is.
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

    /// Writes the one entry of the page at `pa`, where no 2 MiB entry was split or made.
    pub(super) fn mirror_page(&self, memory: &dyn Memory, pa: u64) -> Result<(), Fatal> {
        match self.layout.entry_address(pa) {
            Some(address) if self.layout.in_ram => {
                put(memory, address, &self.own_entry(pa).raw_bytes())
            }
            _ => Ok(()),
        }
    }
}

/// Writes a part of the RMP where the layout says that it lies in memory.
fn put(memory: &dyn Memory, pa: u64, bytes: &[u8]) -> Result<(), Fatal> {
    if memory.write(pa, bytes) {
        return Ok(());
    }
    Err(Fatal(format!(
        "a part of the RMP cannot be written: there is no memory at {pa:#x}"
    )))
}
