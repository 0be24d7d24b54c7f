// SPDX-License-Identifier: GPL-2.0

//! Changes the window policy. A change takes effect on all cores or on none.

use super::Control;
use crate::{
    engine::{
        host::{
            state::{
                Asked,
                Owner, //
            },
            topology::Topology,
            window::{
                Policy,
                Window, //
            }, //
        },
        pass::core_base, //
    },
    sev::addr::Region,
    sys::{
        batch::Batch,
        compat,
        core_thread::{
            Client,
            CoreThread, //
        },
        cpu::Cpu, //
    }, //
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

/// The number of seconds for which other tasks may keep a core's thread from running before the core is left
/// out.
const PATIENCE: u32 = 2;

/// A window that is to move.
struct Move<'a> {
    worker: &'a Arc<CoreThread>,
    cpu: Cpu,
    from: Region,
    to: Region,
}

impl Control {
    /// Sets the policy that places windows, and moves each window that the new policy places elsewhere. Waits
    /// for the end of a pass that is under way. May sleep.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where the kernel owns RMPOPT_BASE. EBUSY where the processor does not let a window move: then
    /// all windows and the policy stay as they were. ENOMEM.
    pub(crate) fn set_policy(&self, policy: Policy) -> Result {
        if self.owner() == Owner::Kernel {
            return Err(compat::eopnotsupp());
        }
        let passes = self.passes.lock();
        let survey = self.survey();
        let topology = &survey.topology;
        let windows = topology.windows(self.span, policy)?;
        self.move_windows(topology, &windows)?;
        self.settings.set_policy(policy);
        for (entry, window) in topology.cores.iter().zip(&windows) {
            entry.core.set_refused(None);
            entry.core.set_window(*window);
            if let (Asked::On(_), Some(window), Some(read)) =
                (entry.core.asked(), window, entry.core.read())
            {
                entry.core.record(Asked::On(window.first), read);
            }
        }
        drop(passes);
        self.mailbox.host_changed();
        Ok(())
    }

    /// Moves the windows of the cores that have RMPOPT enabled. One core's window is moved first: where the
    /// processor refuses that, no other core is touched. Where it refuses a later one, the windows that have
    /// moved are moved back.
    fn move_windows(&self, topology: &Topology, windows: &[Option<Window>]) -> Result {
        let moving = || {
            let cores = topology.cores.iter().zip(windows);
            cores.filter_map(|(entry, window)| {
                let from = entry.core.read().filter(|read| read.enabled())?.first()?;
                let to = (*window)?.first;
                let cpu = entry.representative?;
                let worker = &entry.worker;
                (from != to).then_some(Move {
                    worker,
                    cpu,
                    from,
                    to,
                })
            })
        };
        let mut batch = Batch::new(Client::Pass, moving().count())?;
        let moves: KVVec<Move<'_>> = {
            let mut moves = KVVec::new();
            for planned in moving() {
                moves.push(planned, GFP_KERNEL)?;
            }
            moves
        };
        let Some((first, others)) = moves.split_first() else {
            return Ok(());
        };
        let failed = Atomic::new(false);
        let mut go = |moves: &[Move<'_>], back: bool| {
            let cores = moves.iter().map(|planned| (planned.worker, planned.cpu));
            // A core that is left out here gets its window before its next RMPOPT.
            let _ = batch.run(cores, || PATIENCE, &|cpu| {
                if let Some(planned) = moves.iter().find(|planned| planned.cpu == cpu) {
                    let there = if back { planned.from } else { planned.to };
                    if core_base::move_window(topology, cpu, there) {
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
            go(&moves, true);
            // A core whose window was moved and moved back has an empty table and needs a pass.
            self.mailbox.host_changed();
            return Err(EBUSY);
        }
        Ok(())
    }
}
