// SPDX-License-Identifier: GPL-2.0

//! The RAM and the cores of the host, as one survey found them.

use super::{
    numa::NodeMap,
    per_core::Core,
    ram,
    region::RamRegion,
    state::CoreState,
    window::{
        self,
        Policy,
        Window, //
    }, //
};
use crate::sys::{
    core_thread::CoreThread,
    cpu::{
        self,
        Cpu,
        HotplugLock, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A core and the threads that belong to it.
pub(crate) struct CoreEntry {
    /// The core itself, which outlives this survey.
    pub(crate) core: Arc<Core>,
    /// The kernel thread that does the core's work, which outlives this survey too.
    pub(crate) worker: Arc<CoreThread>,
    /// The first online thread of the core that is not isolated; where all online threads are isolated, the first
    /// of them. `None` while all threads are offline.
    pub(crate) representative: Option<Cpu>,
    /// All online threads of the core were isolated at the time of the survey.
    pub(crate) isolated: bool,
}

impl CoreEntry {
    fn new(core: Arc<Core>, worker: Arc<CoreThread>) -> Self {
        Self {
            core,
            worker,
            representative: None,
            isolated: false,
        }
    }

    /// Whether the representative is isolated at this moment. The core counts as isolated then.
    pub(crate) fn isolated_now(&self) -> bool {
        self.representative.is_some_and(Cpu::isolated)
    }

    /// The core's kernel thread and the CPU on which it works. `None` while no thread of the core is online.
    pub(crate) fn at_work(&self) -> Option<(&Arc<CoreThread>, Cpu)> {
        Some((&self.worker, self.representative?))
    }
}

/// One survey of the host. It never changes; CPU and memory hotplug lead to another survey.
pub(crate) struct Topology {
    /// Regions with RAM, ascending.
    pub(crate) ram: KVVec<RamRegion>,
    /// All cores that were ever online, in the order in which they were found.
    pub(crate) cores: KVVec<CoreEntry>,
    /// The index of each CPU's core, by CPU number.
    core_of: KVVec<Option<u32>>,
}

impl Topology {
    /// Surveys RAM and the CPUs that are online. Cores that the earlier survey `before` contains keep their index
    /// and their state. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; EINVAL where there is no RAM.
    pub(crate) fn survey(before: Option<&Self>, span: u32, policy: Policy) -> Result<Self> {
        let mut topology = Self {
            ram: ram::find()?,
            cores: KVVec::new(),
            core_of: KVVec::from_elem(None, cpu::limit() as usize, GFP_KERNEL)?,
        };
        if let Some(before) = before {
            topology.keep_cores(before)?;
        }
        topology.find_cores()?;
        let windows = topology.windows(span, policy)?;
        for (entry, window) in topology.cores.iter().zip(windows) {
            entry.core.set_window(window);
        }
        Ok(topology)
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
            // All cores of a node have the same window, and most of them are neighbours in the list.
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

    /// Takes over the cores of an earlier survey.
    fn keep_cores(&mut self, before: &Self) -> Result {
        for entry in before.cores.iter() {
            let entry = CoreEntry::new(entry.core.clone(), entry.worker.clone());
            self.cores.push(entry, GFP_KERNEL)?;
        }
        for (new, old) in self.core_of.iter_mut().zip(before.core_of.iter()) {
            *new = *old;
        }
        Ok(())
    }

    /// Finds the cores of the CPUs that are online, and a representative for each.
    fn find_cores(&mut self) -> Result {
        let _hotplug = HotplugLock::lock();
        for cpu in cpu::online() {
            // Another thread of the core may have been found earlier, and be offline now.
            let known = self.index_of(cpu).or_else(|| {
                let id = cpu.core_id();
                let mut cores = (0u32..).zip(self.cores.iter());
                cores.find_map(|(index, entry)| (entry.core.id() == id).then_some(index))
            });
            let index = match known {
                Some(index) => index,
                None => self.add_core(cpu)?,
            };
            if let Some(slot) = self.core_of.get_mut(cpu.index()) {
                *slot = Some(index);
            }
            if let Some(entry) = self.cores.get_mut(index as usize) {
                entry.core.set_node(cpu.node());
                // The last known thread of the core may have gone offline before `cpu` was known.
                entry.core.set_leaving(false);
                let isolated = cpu.isolated();
                if entry.representative.is_none() || (entry.isolated && !isolated) {
                    entry.representative = Some(cpu);
                    entry.isolated = isolated;
                }
            }
        }
        Ok(())
    }

    /// Adds the core of `cpu`; returns its index.
    fn add_core(&mut self, cpu: Cpu) -> Result<u32> {
        let index = u32::try_from(self.cores.len()).map_err(|_| EOVERFLOW)?;
        let core = Arc::new(Core::new(cpu.core_id())?, GFP_KERNEL)?;
        let worker = Arc::new(CoreThread::new(), GFP_KERNEL)?;
        self.cores.push(CoreEntry::new(core, worker), GFP_KERNEL)?;
        Ok(index)
    }

    /// Records for all cores that they are not known to have a region optimised. May sleep, because this takes a
    /// while with many cores.
    pub(crate) fn forget(&self, place: usize) {
        cpu::cond_resched();
        if let Some(ram) = self.ram.get(place) {
            for entry in self.cores.iter() {
                entry.core.forget(ram.region);
            }
        }
    }

    /// Whether any core is known to have a region optimised. May sleep.
    pub(crate) fn any_has(&self, place: usize) -> bool {
        cpu::cond_resched();
        self.ram.get(place).is_some_and(|ram| {
            let mut cores = self.cores.iter();
            cores.any(|entry| entry.core.has(ram.region))
        })
    }

    /// Whether any core can have a region optimised: RMPOPT is on, and the core was not taken out.
    pub(crate) fn any_serves(&self) -> bool {
        let mut states = self.cores.iter().map(|entry| entry.core.state());
        states.any(|state| state.works() || state == CoreState::Kept)
    }

    /// Whether a region lies in the window of a core that is on. May sleep.
    pub(crate) fn covered(&self, place: usize) -> bool {
        cpu::cond_resched();
        self.ram.get(place).is_some_and(|ram| {
            let mut cores = self.cores.iter();
            cores.any(|entry| {
                let window = entry.core.window();
                entry.representative.is_some()
                    && entry.core.is_on()
                    && window.is_some_and(|window| window.covers(ram.region))
            })
        })
    }

    /// The number of regions with RAM that lie in the window of no core. `None` while no core has RMPOPT enabled.
    /// May sleep.
    pub(crate) fn not_covered(&self) -> Option<usize> {
        let mut cores = self.cores.iter();
        cores.find(|entry| entry.representative.is_some() && entry.core.is_on())?;
        let places = 0..self.ram.len();
        Some(places.filter(|place| !self.covered(*place)).count())
    }

    fn index_of(&self, cpu: Cpu) -> Option<u32> {
        *self.core_of.get(cpu.index())?
    }

    /// The core of a CPU, and the core's index. `None` for a CPU that was never online.
    pub(crate) fn core_of(&self, cpu: Cpu) -> Option<(usize, &CoreEntry)> {
        let index = self.index_of(cpu)? as usize;
        Some((index, self.cores.get(index)?))
    }

    /// The online CPUs of a core, ascending.
    pub(crate) fn cpus_of(&self, core: usize) -> impl Iterator<Item = Cpu> + Clone + '_ {
        (0..cpu::limit())
            .filter_map(Cpu::new)
            .filter(move |cpu| self.index_of(*cpu).is_some_and(|i| i as usize == core))
            .filter(|cpu| cpu.online())
    }
}
