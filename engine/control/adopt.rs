// SPDX-License-Identifier: GPL-2.0

//! Takes up the regions that cores have optimised without an attempt by the module: they were optimised before
//! the module was loaded, the processor kept them while RMPOPT was disabled, or a kernel with RMPOPT of its own
//! won them.

use super::{
    thread::{
        Memory,
        SNP_POLL, //
    },
    Control, //
};
use crate::{
    engine::{
        host::{
            state::{
                CoreState,
                Owner, //
            },
            topology::{
                CoreEntry,
                Topology, //
            }, //
        },
        pass::{
            order::Attempt,
            survey::Survey, //
        },
        settings::Isolated,
        stats::Reason, //
    },
    sev::{
        assess::Role,
        platform::Snp, //
    },
    sys::compat,
};
use kernel::{
    prelude::*,
    time::{
        Instant,
        Msecs, //
    }, //
};

/// How often the thread looks for a kernel's own passes, in milliseconds, while regions wait for such a pass.
/// The kernel begins its pass that long after the last guest has ended.
const WATCH: Msecs = 10_000;

/// Numbers of regions that cores have optimised without an attempt by the module.
#[derive(Clone, Copy, Default)]
struct Adopted {
    /// Regions that at least one core has optimised.
    all: u32,
    /// Those regions of `all` that the module did not know to be optimised.
    new: u32,
}

impl Control {
    /// Takes up the regions that cores had optimised before the module was loaded, or kept while RMPOPT was
    /// disabled. Returns whether there is any such region.
    fn adopt(&self, memory: &mut Memory) -> bool {
        let all = core::mem::take(&mut memory.left_on);
        let adopted = self.ask_cores(memory, all);
        if adopted.all != 0 {
            pr_info!(
                "{} GiB are optimised since before: they are not scanned again\n",
                adopted.all
            );
        }
        self.report_replaced();
        adopted.all != 0
    }

    /// Asks cores which regions they have optimised without an attempt by the module: with `all` every core,
    /// else those cores in which the processor or the kernel kept RMPOPT enabled.
    fn ask_cores(&self, memory: &mut Memory, all: bool) -> Adopted {
        let kept = |state| matches!(state, CoreState::Kept | CoreState::Native);
        let which = |entry: &CoreEntry| all || kept(entry.core.state());
        let survey = self.survey();
        if !survey.topology.cores.iter().any(which) {
            return Adopted::default();
        }
        self.dirty.begin_adoption(&survey);
        let all = memory.runner.adopt(&self.order(), which);
        let new = match all {
            0 => 0,
            _ => self.dirty.end_adoption(&survey, self),
        };
        self.report_not_covered(memory, &survey.topology);
        Adopted { all, new }
    }

    /// The attempt of a first pass after RMPOPT or SNP was switched on. Regions that cores have kept optimised
    /// are adopted and not scanned again.
    pub(super) fn first_attempt(&self, memory: &mut Memory) -> Attempt {
        if self.adopt(memory) {
            Attempt::Dirty
        } else {
            Attempt::All
        }
    }

    /// Logs how much RAM the kernel's window does not cover, whenever that number has changed.
    fn report_not_covered(&self, memory: &mut Memory, topology: &Topology) {
        if self.owner() != Owner::Kernel {
            return;
        }
        let Some(not_covered) = topology.not_covered() else {
            return;
        };
        if core::mem::replace(&mut memory.not_covered, not_covered) != not_covered {
            pr_info!(
                "{} of {} GiB with RAM lie beyond the kernel's window and are not covered\n",
                not_covered,
                topology.ram.len()
            );
        }
    }

    /// Logs on how many cores the module has replaced the kernel's window.
    fn report_replaced(&self) {
        if self.role != Role::Native || self.owner() != Owner::Module {
            return;
        }
        let survey = self.survey();
        let moved = |entry: &&CoreEntry| {
            let core = &entry.core;
            core.rest().enabled() && core.read() != Some(core.rest())
        };
        let moved = survey.topology.cores.iter().filter(moved).count();
        pr_info!(
            "native=takeover: the kernel's window is replaced on {} of {} cores until the module lets go; its own passes go on\n",
            moved,
            survey.topology.cores.len()
        );
    }

    /// Takes up, before a pass of the module, which of the queued regions the kernel's own pass has won. The cores
    /// are asked only where a region has waited for as long as the kernel waits before its pass. The kernel may
    /// have won a region earlier, in a pass because of another guest's end: then the module attempts it again.
    pub(super) fn take_up_native_pass(&self, memory: &mut Memory, survey: &Survey) {
        if self.owner() == Owner::Kernel && self.dirty.waited(survey) >= u64::from(WATCH) {
            self.ask_for_native_pass(memory);
        }
    }

    /// Asks all cores which regions they have, and counts those that the kernel's own passes have newly won. The
    /// next pass of the module gives these to all cores: a pass of the kernel's may be under way, or have missed
    /// cores.
    fn ask_for_native_pass(&self, memory: &mut Memory) {
        let adopted = self.ask_cores(memory, true);
        self.dirty.count_native_pass(adopted.new);
        memory.uneven |= adopted.new != 0;
    }

    /// Asks the cores what the passes of a kernel with RMPOPT of its own have won. The thread does so only while
    /// that is unknown and no pass or check of the module finds it out. Returns the milliseconds until the next
    /// look; `None` where no look is needed.
    pub(super) fn watch(&self, memory: &mut Memory) -> Option<Msecs> {
        if self.role != Role::Native {
            return None;
        }
        let survey = self.survey();
        let attempting = self.mailbox.enabled();
        // The kernel enables RMPOPT on the cores after SNP's initialisation.
        let skip = self.settings.isolated() == Isolated::Skip;
        let off = |entry: &CoreEntry| {
            let asked = entry.representative.is_some() && !(skip && entry.isolated_now());
            asked && entry.core.state() == CoreState::Off
        };
        let on = memory.snp == Some(Snp::On);
        let waiting = !on || self.owner() == Owner::Kernel && survey.topology.cores.iter().any(off);
        let interval = if waiting {
            SNP_POLL
        } else if attempting && self.settings.auto() || !self.dirty.pending(&survey) {
            return None;
        } else {
            WATCH
        };
        let passed = memory
            .watched
            .map(|then| compat::millis_ceil(then.elapsed()));
        let passed = passed.and_then(|ms| Msecs::try_from(ms).ok());
        if let Some(left) = passed
            .and_then(|ms| interval.checked_sub(ms))
            .filter(|ms| *ms != 0)
        {
            return Some(left);
        }
        memory.watched = Some(Instant::now());
        if on && (!waiting || memory.runner.any_enabled(&self.order(), off)) {
            let first = core::mem::take(&mut memory.left_on);
            if first {
                self.ask_cores(memory, true);
            } else {
                self.ask_for_native_pass(memory);
            }
            if attempting && waiting {
                self.mailbox.set_busy();
                self.pass(memory, Attempt::Dirty, Reason::Start);
            }
        }
        Some(interval)
    }
}
