// SPDX-License-Identifier: GPL-2.0

//! Asks the cores which regions they have optimised at this moment.

use crate::{
    engine::{
        bitmap::{
            words,
            Bits, //
        },
        control::Control,
        host::{
            topology::{
                CoreEntry,
                Topology, //
            },
            window::Window, //
        },
        pass::survey::Survey,
        settings::Isolated, //
    },
    sev::{
        msr::RmpoptBase,
        rmpopt, //
    },
    sys::{
        batch::Batch,
        core_thread::{
            give_way,
            Client, //
        },
        cpu::{
            Cpu,
            OnCpu, //
        },
        insn::Fault, //
    }, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

/// Which cores to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All cores.
    All,
    /// The core with this index.
    One(usize),
}

/// The answers of some cores, for one reading of a file.
pub(crate) struct Snapshot<'a> {
    control: &'a Control,
    /// The survey to which places and core indices refer.
    survey: Arc<Survey>,
    /// The indices of the cores in the scope. `bases` and `rows` are in this order.
    cores: Range<usize>,
    /// RMPOPT_BASE of each core in the scope. `NO_ANSWER` where the core was not asked or did not answer.
    bases: KVVec<Atomic<u64>>,
    /// A bitmap for each core in the scope: the places in the list of RAM that the core has optimised.
    rows: KVVec<Atomic<u64>>,
    /// The number of words of a row.
    words: usize,
}

/// Stands for no answer. RMPOPT_BASE never has this value, because reserved bits are set in it.
const NO_ANSWER: u64 = u64::MAX;

/// The number of seconds for which other tasks may keep a core's thread from running before the core is left out.
const PATIENCE: u32 = 2;

impl<'a> Snapshot<'a> {
    /// Asks each core in the scope once. All cores answer at the same time, each on the core itself. Cores that are
    /// left alone are not asked. `asking` is held meanwhile, so that one reader at a time asks cores. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(super) fn take(control: &'a Control, asking: &Mutex<()>, scope: Scope) -> Result<Self> {
        let survey = control.survey();
        let cores = match scope {
            Scope::All => 0..survey.topology.cores.len(),
            Scope::One(core) => core..core.saturating_add(1),
        };
        let words = words(survey.topology.ram.len());
        let cells = cores.len().checked_mul(words).ok_or(EOVERFLOW)?;
        let mut snapshot = Self {
            control,
            bases: KVVec::with_capacity(cores.len(), GFP_KERNEL)?,
            rows: KVVec::with_capacity(cells, GFP_KERNEL)?,
            survey,
            cores,
            words,
        };
        for _ in 0..snapshot.cores.len() {
            snapshot.bases.push(Atomic::new(NO_ANSWER), GFP_KERNEL)?;
        }
        for _ in 0..cells {
            snapshot.rows.push(Atomic::new(0), GFP_KERNEL)?;
        }
        if control.found.features.rmpopt {
            snapshot.ask_all(asking)?;
        }
        Ok(snapshot)
    }

    fn ask_all(&self, asking: &Mutex<()>) -> Result {
        let entries = self.topology().cores.get(self.cores.clone());
        let entries = entries.unwrap_or_default().iter();
        let cores = entries
            .filter(|entry| !self.left_alone(entry))
            .filter_map(CoreEntry::at_work);
        let _one = asking.lock();
        let mut batch = Batch::new(Client::Status, self.cores.len())?;
        batch.run(cores, || PATIENCE, &|cpu| self.ask(cpu));
        Ok(())
    }

    /// Stores the answer of the core of `cpu`. In thread context on `cpu`.
    fn ask(&self, cpu: Cpu) {
        let Some((index, _)) = self.topology().core_of(cpu) else {
            return;
        };
        let Some(Ok(base)) = OnCpu::exactly(cpu, rmpopt::base) else {
            return;
        };
        if let Some(cell) = self.cell(index) {
            cell.store(base.0, Relaxed);
        }
        let Some(window) = self.control.window_at(base) else {
            return;
        };
        let row = self.row(index);
        for (place, ram) in self.topology().ram.iter().enumerate() {
            if !window.covers(ram.region) {
                continue;
            }
            give_way();
            match OnCpu::exactly(cpu, |on| rmpopt::query(on, ram.region)) {
                Some(Ok(true)) => {
                    row.set(place);
                }
                Some(Ok(false)) => (),
                // SNP is being initialised, which makes all answers so far void.
                Some(Err(Fault::Initialising)) => return row.wipe(),
                // RMPOPT was switched off or the CPU went offline in the meantime. The next reading shows it.
                None | Some(Err(_)) => return,
            }
        }
    }

    fn cell(&self, core: usize) -> Option<&Atomic<u64>> {
        self.bases.get(core.checked_sub(self.cores.start)?)
    }

    /// The RAM and the cores to which places and core indices refer.
    pub(crate) fn topology(&self) -> &Topology {
        &self.survey.topology
    }

    /// RMPOPT_BASE of a core. `None` where the core was not asked or did not answer.
    pub(crate) fn base(&self, core: usize) -> Option<RmpoptBase> {
        let base = self.cell(core)?.load(Relaxed);
        (base != NO_ANSWER).then_some(RmpoptBase(base))
    }

    /// The window of a core. `None` where RMPOPT is off on the core, and where the core did not answer.
    pub(crate) fn window(&self, core: usize) -> Option<Window> {
        self.control.window_at(self.base(core)?)
    }

    /// The places of the regions that a core has optimised.
    pub(crate) fn row(&self, core: usize) -> Bits<'_, Atomic<u64>> {
        let cells = core.checked_sub(self.cores.start).and_then(|row| {
            let start = row.checked_mul(self.words)?;
            self.rows.get(start..start.checked_add(self.words)?)
        });
        Bits(cells.unwrap_or(&[]))
    }

    /// The places of the regions that passes have found free.
    pub(crate) fn free(&self) -> Bits<'_, Atomic<u64>> {
        self.survey.sets.free()
    }

    /// Whether a core is not asked, because it is isolated and the administrator has set `skip` for isolated cores.
    pub(crate) fn left_alone(&self, entry: &CoreEntry) -> bool {
        self.control.settings.isolated() == Isolated::Skip && entry.isolated_now()
    }
}
