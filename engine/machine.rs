// SPDX-License-Identifier: GPL-2.0

//! RAM and cores of the host, as they were when last looked at.

use super::{
    bitmap::{
        words,
        Bits, //
    },
    core::Core,
    pass::Board,
    region::{
        self,
        index_of,
        RamRegion,
        Splitter, //
    },
    window::{
        self,
        Nodes,
        Policy,
        Window, //
    },
};
use crate::sys::{
    core_thread::CoreThread,
    cpu::{
        self,
        Cpu,
        HotplugLock, //
    },
    iomem,
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc, //
    },
};

/// A core and the threads that belong to it.
pub(crate) struct CoreEntry {
    /// The core itself, which outlives this survey.
    pub(crate) core: Arc<Core>,
    /// The kernel thread that does its part, which outlives this survey too.
    pub(crate) worker: Arc<CoreThread>,
    /// The thread that stands for it: its first online one, preferably not isolated. `None` while
    /// all are offline.
    pub(crate) cpu: Option<Cpu>,
    /// That thread was isolated, and so were the others.
    pub(crate) isolated: bool,
}

impl CoreEntry {
    /// Whether the thread that stands for the core is set apart from others at this moment, and with it
    /// the core.
    pub(crate) fn isolated_now(&self) -> bool {
        self.cpu.is_some_and(Cpu::isolated)
    }
}

/// One survey of the host. Its lists never change; a new survey makes a new one.
pub(crate) struct Machine {
    /// Regions with RAM, ascending.
    pub(crate) ram: KVVec<RamRegion>,
    /// All cores that were ever online, in the order in which they were found.
    pub(crate) cores: KVVec<CoreEntry>,
    /// The core of each CPU, by CPU number.
    core_of: KVVec<Option<u32>>,
    open: KVVec<Atomic<u64>>,
    free: KVVec<Atomic<u64>>,
    held: KVVec<Atomic<u64>>,
    lost: KVVec<Atomic<u64>>,
    changed: KVVec<Atomic<u64>>,
    /// Whether a core is just at a region. Words, not bits: cores at neighbouring regions shall not
    /// wait for the same cache line.
    claimed: KVVec<Atomic<u32>>,
}

/// Bitmaps of regions in a [`Machine`].
pub(crate) const BITMAPS: usize = 5;

/// A region that no other core may attempt meanwhile. Dropping it releases the region.
pub(crate) struct Claim<'a>(&'a Atomic<u32>);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

impl Machine {
    /// Looks at RAM and at the CPUs that are online. Cores known to `before` keep their index and
    /// their state. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; EINVAL where there is no RAM.
    pub(crate) fn survey(before: Option<&Machine>, span: u32, policy: Policy) -> Result<Self> {
        let ram = find_ram()?;
        let bits = words(ram.len());
        let mut claimed = KVVec::with_capacity(ram.len(), GFP_KERNEL)?;
        for _ in 0..ram.len() {
            claimed.push(Atomic::new(0), GFP_KERNEL)?;
        }
        let mut machine = Self {
            ram,
            cores: KVVec::new(),
            core_of: KVVec::from_elem(None, cpu::limit() as usize, GFP_KERNEL)?,
            open: zeroed(bits)?,
            free: zeroed(bits)?,
            held: zeroed(bits)?,
            lost: zeroed(bits)?,
            changed: zeroed(bits)?,
            claimed,
        };
        machine.find_cores(before)?;
        machine.inherit(before);
        machine.place_windows(span, policy)?;
        Ok(machine)
    }

    fn place_windows(&self, span: u32, policy: Policy) -> Result {
        let windows = self.windows(span, policy)?;
        for (entry, window) in self.cores.iter().zip(windows) {
            entry.core.set_window(window);
        }
        Ok(())
    }

    /// The window that each core would have under a policy. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn windows(&self, span: u32, policy: Policy) -> Result<KVVec<Option<Window>>> {
        let nodes = NodeMap::new(&self.cores)?;
        let mut windows = KVVec::with_capacity(self.cores.len(), GFP_KERNEL)?;
        let mut last = None;
        for entry in self.cores.iter() {
            // Cores of a node share their window, and follow each other.
            let node = entry.core.node();
            let window = match last {
                Some((before, window)) if before == node => window,
                _ => window::place(&self.ram, span, policy, node, &nodes),
            };
            last = Some((node, window));
            windows.push(window, GFP_KERNEL)?;
        }
        Ok(windows)
    }

    fn find_cores(&mut self, before: Option<&Machine>) -> Result {
        if let Some(before) = before {
            for entry in before.cores.iter() {
                self.cores.push(
                    CoreEntry {
                        core: entry.core.clone(),
                        worker: entry.worker.clone(),
                        cpu: None,
                        isolated: false,
                    },
                    GFP_KERNEL,
                )?;
            }
            for (new, old) in self.core_of.iter_mut().zip(before.core_of.iter()) {
                *new = *old;
            }
        }
        let _hotplug = HotplugLock::lock();
        for cpu in cpu::online() {
            // Another thread of the core may have been there first, and be away now.
            let known = self.core_index(cpu).or_else(|| {
                let id = cpu.core_id();
                let mut cores = (0u32..).zip(self.cores.iter());
                cores.find_map(|(index, entry)| (entry.core.id() == id).then_some(index))
            });
            let index = match known {
                Some(index) => index,
                None => {
                    let index = u32::try_from(self.cores.len()).map_err(|_| EOVERFLOW)?;
                    self.cores.push(
                        CoreEntry {
                            core: Arc::new(Core::new(cpu.core_id())?, GFP_KERNEL)?,
                            worker: Arc::new(CoreThread::new(), GFP_KERNEL)?,
                            cpu: None,
                            isolated: false,
                        },
                        GFP_KERNEL,
                    )?;
                    index
                }
            };
            if let Some(slot) = self.core_of.get_mut(cpu.index()) {
                *slot = Some(index);
            }
            if let Some(entry) = self.cores.get_mut(index as usize) {
                entry.core.set_node(cpu.node());
                // Its last thread may have gone while nobody knew of this one.
                entry.core.set_leaving(false);
                let isolated = cpu.isolated();
                if entry.cpu.is_none() || (entry.isolated && !isolated) {
                    entry.cpu = Some(cpu);
                    entry.isolated = isolated;
                }
            }
        }
        Ok(())
    }

    /// Takes over what was known of each region. Regions that are new are open.
    fn inherit(&self, before: Option<&Machine>) {
        let new = self.board();
        for (place, ram) in self.ram.iter().enumerate() {
            let known = before.and_then(|b| Some((b, index_of(&b.ram, ram.region)?)));
            let Some((before, old)) = known else {
                // It may have been there earlier, and held pages since.
                self.forget(place);
                new.open.set(place);
                continue;
            };
            let board = before.board();
            if board.free.test(old) {
                new.free.set(place);
            } else if board.held.test(old) {
                new.held.set(place);
            } else {
                new.open.set(place);
            }
        }
    }

    /// Marks what is marked as changed in `other`.
    pub(crate) fn add_changed(&self, other: &Machine) {
        for place in other.changed().iter_from(0) {
            let region = other.ram.get(place).map(|ram| ram.region);
            if let Some(place) = region.and_then(|region| index_of(&self.ram, region)) {
                self.changed().set(place);
            }
        }
    }

    /// What is known of the regions.
    pub(crate) fn board(&self) -> Board<'_, Atomic<u64>> {
        Board {
            open: Bits(&self.open),
            free: Bits(&self.free),
            held: Bits(&self.held),
            lost: Bits(&self.lost),
        }
    }

    /// Regions of which something says that they are no longer what the board says: the next pass
    /// attempts them. Anybody may mark one at any time.
    pub(crate) fn changed(&self) -> Bits<'_, Atomic<u64>> {
        Bits(&self.changed)
    }

    /// Forgets which cores have a region optimised. May sleep: with many cores that takes a while.
    pub(crate) fn forget(&self, place: usize) {
        cpu::cond_resched();
        let Some(ram) = self.ram.get(place) else {
            return;
        };
        for entry in self.cores.iter() {
            let window = entry.core.window();
            if let Some(offset) = window.and_then(|w| w.offset(ram.region)) {
                entry.core.table().clear(offset as usize);
            }
        }
    }

    /// Whether any core is known to have a region optimised. May sleep.
    pub(crate) fn any_has(&self, place: usize) -> bool {
        cpu::cond_resched();
        let Some(ram) = self.ram.get(place) else {
            return false;
        };
        self.cores.iter().any(|entry| {
            let window = entry.core.window();
            let offset = window.and_then(|w| w.offset(ram.region));
            offset.is_some_and(|offset| entry.core.table().test(offset as usize))
        })
    }

    /// Whether a core that is on covers a region. May sleep.
    pub(crate) fn covered(&self, place: usize) -> bool {
        cpu::cond_resched();
        let Some(ram) = self.ram.get(place) else {
            return false;
        };
        let mut on = self.cores.iter();
        on.any(|entry| {
            let window = entry.core.window();
            entry.cpu.is_some()
                && entry.core.is_on()
                && window.is_some_and(|w| w.covers(ram.region))
        })
    }

    /// Whether a core has anything to do where regions are free, looking from `start` on. May sleep.
    pub(crate) fn lacks_any(&self, core: &Core, start: usize) -> bool {
        cpu::cond_resched();
        if !core.state().works() || !core.served() {
            return true;
        }
        let Some(window) = core.window() else {
            return false;
        };
        let covered = region::places(&self.ram, window.first, window.span);
        self.board().free.iter_in(covered, start).any(|place| {
            let ram = self.ram.get(place);
            let offset = ram.and_then(|ram| window.offset(ram.region));
            offset.is_some_and(|offset| !core.table().test(offset as usize))
        })
    }

    /// Claims a region for the calling core. `None` while another one has it.
    pub(crate) fn claim(&self, place: usize) -> Option<Claim<'_>> {
        let word = self.claimed.get(place)?;
        // Made only where it was won: dropping one that was not would release another core's.
        match word.cmpxchg(0, 1, Acquire) {
            Ok(_) => Some(Claim(word)),
            Err(_) => None,
        }
    }

    fn core_index(&self, cpu: Cpu) -> Option<u32> {
        *self.core_of.get(cpu.index())?
    }

    /// The core of a CPU and its index. `None` for a CPU that was never online.
    pub(crate) fn core_of(&self, cpu: Cpu) -> Option<(usize, &CoreEntry)> {
        let index = self.core_index(cpu)? as usize;
        Some((index, self.cores.get(index)?))
    }

    /// The online CPUs of a core, ascending.
    pub(crate) fn cpus_of(&self, core: usize) -> impl Iterator<Item = Cpu> + Clone + '_ {
        (0..cpu::limit())
            .filter_map(Cpu::new)
            .filter(move |cpu| self.core_index(*cpu).is_some_and(|i| i as usize == core))
            .filter(|cpu| cpu.online())
    }
}

fn zeroed(words: usize) -> Result<KVVec<Atomic<u64>>> {
    let mut vec = KVVec::with_capacity(words, GFP_KERNEL)?;
    for _ in 0..words {
        vec.push(Atomic::new(0), GFP_KERNEL)?;
    }
    Ok(vec)
}

/// Finds the regions with RAM that is online.
fn find_ram() -> Result<KVVec<RamRegion>> {
    let mut ram = KVVec::new();
    let mut splitter = Splitter::default();
    let section = iomem::section_size();
    iomem::for_each_ram(|start, end| {
        let mut at = start;
        while at <= end {
            let next = (at | section.saturating_sub(1)).saturating_add(1);
            if let Some(node) = iomem::node_of(at) {
                let last = end.min(next.saturating_sub(1));
                splitter.add(at, last, |region| {
                    Ok::<_, Error>(ram.push(RamRegion { region, node }, GFP_KERNEL)?)
                })?;
            }
            at = next;
        }
        Ok(())
    })?;
    Ok(ram)
}

/// The NUMA nodes of this host.
struct NodeMap {
    /// The socket of each node, by node number.
    sockets: KVVec<Option<u32>>,
}

impl NodeMap {
    fn new(cores: &[CoreEntry]) -> Result<Self> {
        let mut sockets = KVVec::new();
        for entry in cores {
            let node = entry.core.node() as usize;
            while sockets.len() <= node {
                sockets.push(None, GFP_KERNEL)?;
            }
            if let (Some(socket), Some(cpu)) = (sockets.get_mut(node), entry.cpu) {
                *socket = Some(cpu.socket());
            }
        }
        Ok(Self { sockets })
    }
}

impl Nodes for NodeMap {
    fn distance(&self, from: u32, to: u32) -> u32 {
        cpu::node_distance(from, to)
    }

    fn socket(&self, node: u32) -> Option<u32> {
        *self.sockets.get(node as usize)?
    }
}
