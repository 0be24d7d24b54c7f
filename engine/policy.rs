// SPDX-License-Identifier: GPL-2.0

//! Another window policy: it takes effect on all cores or on none.

use super::{
    hands,
    machine::Machine,
    state::{
        Asked,
        Owner, //
    },
    window::{
        Policy,
        Window, //
    },
    Engine, //
};
use crate::{
    sev::addr::Region,
    sys::{
        batch::Batch,
        compat,
        core_thread::{
            Client,
            CoreThread, //
        },
        cpu::Cpu, //
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
    }, //
};

/// How many seconds in a row a core's thread may be kept from running before the core is left out.
const PATIENCE: u32 = 2;

/// A window that is to move.
struct Way<'a> {
    worker: &'a Arc<CoreThread>,
    cpu: Cpu,
    from: Region,
    to: Region,
}

impl Engine {
    /// Sets where windows lie, and moves those that lie elsewhere. Waits for a pass that is under way.
    /// May sleep.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where RMPOPT_BASE is the kernel's. EBUSY where the processor does not let a window move: then all are where they were, and the policy
    /// is as it was. ENOMEM.
    pub(crate) fn set_policy(&self, policy: Policy) -> Result {
        if self.owner() == Owner::Kernel {
            return Err(compat::eopnotsupp());
        }
        let passes = self.passes.lock();
        let machine = self.machine();
        let windows = machine.windows(self.span, policy)?;
        self.move_windows(&machine, &windows)?;
        self.settings.set_policy(policy);
        for (entry, window) in machine.cores.iter().zip(&windows) {
            entry.core.set_refused(None);
            entry.core.set_window(*window);
            if let (Asked::On(_), Some(window), Some(read)) =
                (entry.core.asked(), window, entry.core.read())
            {
                entry.core.note(Asked::On(window.first), read);
            }
        }
        drop(passes);
        self.control.host_changed();
        Ok(())
    }

    /// Moves the windows of the cores that are on. One core goes first: where it may not move none is
    /// touched. Where a later one may not those that have moved go back.
    fn move_windows(&self, machine: &Machine, windows: &[Option<Window>]) -> Result {
        let moving = || {
            let cores = machine.cores.iter().zip(windows);
            cores.filter_map(|(entry, window)| {
                let from = entry.core.read().filter(|read| read.enabled())?.first()?;
                let to = (*window)?.first;
                let cpu = entry.cpu?;
                let worker = &entry.worker;
                (from != to).then_some(Way {
                    worker,
                    cpu,
                    from,
                    to,
                })
            })
        };
        let mut batch = Batch::new(Client::Pass, moving().count())?;
        let ways: KVVec<Way<'_>> = {
            let mut ways = KVVec::new();
            for way in moving() {
                ways.push(way, GFP_KERNEL)?;
            }
            ways
        };
        let Some((first, others)) = ways.split_first() else {
            return Ok(());
        };
        let failed = Atomic::new(false);
        let mut go = |ways: &[Way<'_>], back: bool| {
            let cores = ways.iter().map(|way| (way.worker, way.cpu));
            // Those that are left out get their window before their next RMPOPT.
            let _ = batch.run(cores, || PATIENCE, &|cpu| {
                if let Some(way) = ways.iter().find(|way| way.cpu == cpu) {
                    let there = if back { way.from } else { way.to };
                    if hands::move_window(machine, cpu, there) {
                        failed.store(true, Relaxed);
                    }
                }
            });
            failed.load(Relaxed)
        };
        if go(core::slice::from_ref(first), false) {
            return Err(EBUSY);
        }
        if go(others, false) {
            go(&ways, true);
            // What has moved and come back has lost its table.
            self.control.host_changed();
            return Err(EBUSY);
        }
        Ok(())
    }
}
