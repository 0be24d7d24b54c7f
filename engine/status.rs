// SPDX-License-Identifier: GPL-2.0

//! What the cores have optimised at this moment, asked from the hardware.

use super::{
    bitmap::{
        words,
        Bits, //
    },
    machine::Machine,
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
        cpu::{
            self,
            Cpu,
            OnCpu, //
        },
        insn::Fault, //
    },
};
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

/// The answers of some cores, for one reading of a file.
pub(crate) struct Snapshot {
    /// The survey that places and core indices refer to.
    pub(crate) machine: Arc<Machine>,
    /// RMPOPT_BASE by core, 0 where a core was not asked or does not have it.
    bases: KVVec<Atomic<u64>>,
    /// A row of places with RAM for each core.
    rows: KVVec<Atomic<u64>>,
    words: usize,
}

impl Snapshot {
    /// Asks each of `cores` (indices) once, all at the same time, on the core itself. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn take(engine: &Engine, wanted: impl Fn(usize) -> bool) -> Result<Self> {
        let machine = engine.machine();
        let cores = machine.cores.len();
        let words = words(machine.ram.len());
        let cells = cores.checked_mul(words).ok_or(EOVERFLOW)?;
        let mut snapshot = Self {
            machine,
            bases: KVVec::with_capacity(cores, GFP_KERNEL)?,
            rows: KVVec::with_capacity(cells, GFP_KERNEL)?,
            words,
        };
        for _ in 0..cores {
            snapshot.bases.push(Atomic::new(0), GFP_KERNEL)?;
        }
        for _ in 0..cells {
            snapshot.rows.push(Atomic::new(0), GFP_KERNEL)?;
        }
        if engine.found.features.rmpopt {
            let asked = &snapshot;
            let entries = asked.machine.cores.iter().enumerate();
            let cpus = entries
                .filter(|(index, _)| wanted(*index))
                .filter_map(|(_, entry)| entry.cpu);
            Batch::new(cores)?.run(&engine.workqueue, cpus, &|_, cpu| {
                asked.ask(engine, cpu);
            });
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
        if let Some(cell) = self.bases.get(index) {
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
            cpu::reschedule();
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

    /// RMPOPT_BASE of a core.
    pub(crate) fn base(&self, core: usize) -> RmpoptBase {
        RmpoptBase(self.bases.get(core).map_or(0, |cell| cell.load(Relaxed)))
    }

    /// The places that a core has optimised.
    pub(crate) fn row(&self, core: usize) -> Bits<'_, Atomic<u64>> {
        let start = core.saturating_mul(self.words);
        let end = start.saturating_add(self.words);
        Bits(self.rows.get(start..end).unwrap_or(&[]))
    }
}

/// The window that an enabled RMPOPT_BASE opens.
pub(crate) fn window_of(engine: &Engine, base: RmpoptBase) -> Option<Window> {
    let first = base.first().filter(|_| base.enabled())?;
    Some(Window {
        first,
        span: engine.span,
    })
}
