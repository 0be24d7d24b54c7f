// SPDX-License-Identifier: GPL-2.0

//! What the cores have optimised at this moment, asked from the hardware.

use super::{
    bitmap::{
        words,
        Bits, //
    },
    machine::{
        CoreEntry,
        Machine, //
    },
    settings::Isolated,
    window::Window,
    Engine,
};
use crate::{
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
    },
};
use core::ops::Range;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};

/// Whose answers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Every core's.
    All,
    /// This one's, by index.
    One(usize),
}

/// The answers of some cores, for one reading of a file.
pub(crate) struct Snapshot {
    /// The survey that places and core indices refer to.
    pub(crate) machine: Arc<Machine>,
    /// The cores that were wanted: the answers are theirs, in this order.
    cores: Range<usize>,
    /// RMPOPT_BASE of each of them. `NO_ANSWER` where the core was not asked or did not answer.
    bases: KVVec<Atomic<u64>>,
    /// A row of places with RAM for each of them.
    rows: KVVec<Atomic<u64>>,
    words: usize,
}

/// No value of RMPOPT_BASE: bits that are reserved are set.
const NO_ANSWER: u64 = u64::MAX;

/// How many seconds in a row a core's thread may be kept from running before the core is left out.
const PATIENCE: u32 = 2;

impl Snapshot {
    /// Asks each of the cores once, all at the same time, on the core itself. Those that are to be left
    /// alone are not asked. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn take(engine: &Engine, asked: Asked) -> Result<Self> {
        let machine = engine.machine();
        let cores = match asked {
            Asked::All => 0..machine.cores.len(),
            Asked::One(core) => core..core.saturating_add(1),
        };
        let words = words(machine.ram.len());
        let cells = cores.len().checked_mul(words).ok_or(EOVERFLOW)?;
        let mut snapshot = Self {
            bases: KVVec::with_capacity(cores.len(), GFP_KERNEL)?,
            rows: KVVec::with_capacity(cells, GFP_KERNEL)?,
            machine,
            cores,
            words,
        };
        for _ in 0..snapshot.cores.len() {
            snapshot.bases.push(Atomic::new(NO_ANSWER), GFP_KERNEL)?;
        }
        for _ in 0..cells {
            snapshot.rows.push(Atomic::new(0), GFP_KERNEL)?;
        }
        if engine.found.features.rmpopt {
            let asked = &snapshot;
            let entries = asked.machine.cores.get(asked.cores.clone());
            let entries = entries.unwrap_or_default().iter();
            let cores = entries
                .filter(|entry| !left_alone(engine, entry))
                .filter_map(|entry| Some((&entry.worker, entry.cpu?)));
            let _one = engine.asking.lock();
            let mut batch = Batch::new(Client::Status, asked.cores.len())?;
            batch.run(cores, || PATIENCE, &|cpu| asked.ask(engine, cpu));
        }
        Ok(snapshot)
    }

    /// In thread context on `cpu`.
    fn ask(&self, engine: &Engine, cpu: Cpu) {
        let Some((index, _)) = self.machine.core_of(cpu) else {
            return;
        };
        let Some(Ok(base)) = OnCpu::exactly(cpu, rmpopt::base) else {
            return;
        };
        if let Some(cell) = self.cell(index) {
            cell.store(base.0, Relaxed);
        }
        let Some(window) = window_of(engine, base) else {
            return;
        };
        let row = self.row(index);
        for (place, ram) in self.machine.ram.iter().enumerate() {
            if !window.covers(ram.region) {
                continue;
            }
            give_way();
            match OnCpu::exactly(cpu, |on| rmpopt::query(on, ram.region)) {
                Some(Ok(true)) => {
                    row.set(place);
                }
                Some(Ok(false)) => (),
                // SNP is being initialised: nothing of that is worth anything any more.
                Some(Err(Fault::Initialising)) => return row.wipe(),
                // Switched off or gone meanwhile: the next reading tells.
                None | Some(Err(_)) => return,
            }
        }
    }

    fn cell(&self, core: usize) -> Option<&Atomic<u64>> {
        self.bases.get(core.checked_sub(self.cores.start)?)
    }

    /// RMPOPT_BASE of a core. `None` where it was not asked or did not answer.
    pub(crate) fn base(&self, core: usize) -> Option<RmpoptBase> {
        let base = self.cell(core)?.load(Relaxed);
        (base != NO_ANSWER).then_some(RmpoptBase(base))
    }

    /// The places that a core has optimised.
    pub(crate) fn row(&self, core: usize) -> Bits<'_, Atomic<u64>> {
        let cells = core.checked_sub(self.cores.start).and_then(|row| {
            let start = row.checked_mul(self.words)?;
            self.rows.get(start..start.checked_add(self.words)?)
        });
        Bits(cells.unwrap_or(&[]))
    }
}

/// Whether a core is not even asked, because the administrator wants it to be left alone.
pub(crate) fn left_alone(engine: &Engine, entry: &CoreEntry) -> bool {
    engine.settings.isolated() == Isolated::Skip && entry.isolated_now()
}

/// The window that an enabled RMPOPT_BASE opens.
pub(crate) fn window_of(engine: &Engine, base: RmpoptBase) -> Option<Window> {
    let first = base.first().filter(|_| base.enabled())?;
    Some(Window {
        first,
        span: engine.span,
    })
}
