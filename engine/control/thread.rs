// SPDX-License-Identifier: GPL-2.0

//! The kthread `rmpopt`: it decides, and sleeps whenever nothing is to be done.

use super::{
    mailbox::Requests,
    self_check::{
        self,
        SelfCheck, //
    },
    Control, //
};
use crate::{
    engine::{
        dirty::due::{
            Due,
            Task, //
        },
        host::{
            state::CoreState,
            topology::CoreEntry, //
        },
        pass::{
            order::Attempt,
            runner::Runner,
            survey::Survey, //
        },
        stats::Reason, //
    },
    sev::{
        assess::Role,
        platform::{
            self,
            Snp, //
        }, //
    },
    sys::{
        compat,
        snp, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        Delta,
        Instant,
        Monotonic,
        Msecs, //
    }, //
};

/// How often the thread looks whether SNP is on while it is not, in milliseconds.
pub(super) const SNP_POLL: Msecs = 1000;

/// How often the thread checks its own core, in milliseconds.
const SELF_CHECK: Msecs = 1000;

/// The longest time between two passes, in milliseconds.
const REST_MAX: i64 = 1000;

/// How long the thread waits after it got no memory, in milliseconds.
const RETRY: Msecs = 1000;

/// What becomes of memory where RMPOPT_EN cannot be cleared.
pub(crate) const KEPT: &str = "stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared";

/// What the thread remembers from one request to the next.
pub(super) struct Memory {
    pub(super) runner: Runner,
    /// How far SNP was when last looked at. `None` before the first look.
    pub(super) snp: Option<Snp>,
    /// Initialisations of SNP that had begun before that look.
    begun: u32,
    /// When the thread last checked its own core, and the place of the region that it asked for.
    checked: Instant<Monotonic>,
    asked: usize,
    /// What could not be carried out for lack of memory: tried again with the next requests, and soon.
    owed: Requests,
    /// Cores were on when the module was loaded, and nobody has asked yet what they have.
    pub(super) left_on: bool,
    /// When the thread last looked for the kernel's own passes.
    pub(super) watched: Option<Instant<Monotonic>>,
    /// The number of regions beyond the kernel's window that the log has last told.
    pub(super) not_covered: usize,
}

impl Control {
    /// The thread's work, in thread context with everything allowed. Returns after [`Control::stop`].
    pub(crate) fn run(&self) {
        self.mailbox.attach();
        let Some(mut memory) = self.begin() else {
            return;
        };
        let mut before = None;
        // What was requested while there was no memory is carried out at once.
        let mut patience = Some(0);
        loop {
            let requests = self.mailbox.next(before, patience);
            if requests.stop {
                break;
            }
            let passes = self.passes.lock();
            self.carry_out(&mut memory, requests);
            patience = self.tend(&mut memory);
            drop(passes);
            before = Some(requests);
        }
        self.look_for_snp(&mut memory);
        if !self.switch_off(&mut memory) {
            self.report_kept();
        }
    }

    /// Makes [`Control::run`] return soon. May sleep.
    pub(crate) fn stop(&self) {
        self.mailbox.stop();
    }

    fn carry_out(&self, memory: &mut Memory, requests: Requests) {
        let earlier = core::mem::take(&mut memory.owed);
        let requests = requests.with(earlier);
        if requests.survey && !self.survey_again(memory, earlier.survey) {
            memory.owed = Requests::survey_again();
        }
        let came_on = self.look_for_snp(memory);
        if !requests.enabled {
            self.switch_off(memory);
            return;
        }
        if memory.snp != Some(Snp::On) {
            return;
        }
        let noticed = requests.cleared;
        let anew = came_on || noticed != 0 && memory.runner.all_cleared(&self.order(), noticed);
        if anew || requests.switched_on {
            for entry in self.survey().topology.cores.iter() {
                entry.core.reset();
            }
        }
        if anew {
            memory.left_on = self.role == Role::Native;
            self.mailbox.set_busy();
            let survey = self.survey();
            for entry in survey.topology.cores.iter() {
                entry.core.set_complete(false);
            }
            self.dirty.forget(&survey);
            let attempt = self.first_attempt(memory);
            self.pass(memory, attempt, Reason::Start);
        } else if requests.attempt != Attempt::None {
            let attempt = match requests.reason {
                Reason::Start => self.first_attempt(memory),
                _ => requests.attempt,
            };
            self.pass(memory, attempt, requests.reason);
        } else if noticed != 0 {
            self.pass(memory, Attempt::Fill, Reason::Host);
        }
    }

    /// Attempts to switch RMPOPT off on all cores. Tells whether the log says what came of it, or nothing is
    /// to be said.
    ///
    /// While SNP is being initialised, or after that has failed, nobody may switch it off. The end of SNP_INIT
    /// does it, and the thread looks after it then.
    fn switch_off(&self, memory: &mut Memory) -> bool {
        let before = self.kept();
        let mut initialising = memory.snp == Some(Snp::Initialising);
        while !initialising && !memory.runner.switch_off() && !snp::is_open() {
            // An initialisation has begun.
            let now = platform::look(&self.found, memory.snp, self.snp_watched());
            memory.snp = Some(now);
            initialising = now == Snp::Initialising;
        }
        if initialising {
            memory.runner.all_cleared(&self.order(), 0);
        }
        let kept = self.kept();
        let survey = self.survey();
        let mut cores = survey.topology.cores.iter();
        if initialising || !cores.any(|entry| entry.core.is_on()) {
            self.dirty.nothing_optimised(&survey);
        }
        if kept > before {
            self.report_kept();
            return true;
        }
        kept == 0
    }

    /// The number of cores on which the processor keeps RMPOPT_EN.
    fn kept(&self) -> usize {
        let survey = self.survey();
        let kept = |entry: &&CoreEntry| entry.core.state() == CoreState::Kept;
        survey.topology.cores.iter().filter(kept).count()
    }

    /// Says that what was to be switched off stays on.
    fn report_kept(&self) {
        pr_info!("memory {} (on {} cores)\n", KEPT, self.kept());
    }

    /// Makes a pass.
    pub(super) fn pass(&self, memory: &mut Memory, attempt: Attempt, reason: Reason) {
        let begin = Instant::<Monotonic>::now();
        let survey = self.survey();
        if matches!(reason, Reason::GivenBack | Reason::Host) {
            self.dirty.spare_held(&survey);
        }
        let sets = &survey.sets;
        if reason == Reason::GivenBack && sets.dirty().empty() && sets.open().empty() {
            // All of it was assigned again.
            return;
        }
        self.dirty.begin_pass(&survey, attempt, reason);
        let outcome = memory.runner.pass(&self.order(), attempt);
        self.dirty.end_pass(&survey, reason, outcome);
        // However many requests come, at least half of the time belongs to others.
        let rest = compat::millis_ceil(begin.elapsed()).clamp(1, REST_MAX);
        self.mailbox.rest(Delta::from_millis(rest));
    }

    /// Does what is due without anybody asking for it. Returns how long the thread may sleep.
    fn tend(&self, memory: &mut Memory) -> Option<Msecs> {
        let watch = self.watch(memory);
        let retry = memory.owed.survey.then_some(RETRY);
        sooner(sooner(retry, watch), self.do_what_is_due(memory))
    }

    fn do_what_is_due(&self, memory: &mut Memory) -> Option<Msecs> {
        if !self.mailbox.enabled() {
            // Only the end of an initialisation is awaited: nothing can be switched off until then.
            return (memory.snp == Some(Snp::Initialising)).then_some(SNP_POLL);
        }
        if memory.snp != Some(Snp::On) {
            return Some(SNP_POLL);
        }
        let survey = self.survey();
        let due = match self.dirty.due(&survey, self.schedule()) {
            Due::Now(task) => {
                self.mailbox.set_busy();
                self.perform(memory, &survey, task);
                return Some(0);
            }
            Due::In(ms) => Some(Msecs::try_from(ms).unwrap_or(Msecs::MAX)),
            Due::Later => None,
        };
        sooner(due, self.check_own_core(memory, &survey))
    }

    fn perform(&self, memory: &mut Memory, survey: &Survey, task: Task) {
        match task {
            Task::Queue => {
                if self.dirty.take_queue(survey, self) {
                    self.pass(memory, Attempt::Dirty, Reason::GivenBack);
                }
            }
            Task::Check(reason) => self.check(memory, survey, true, reason),
        }
    }

    /// Asks all cores for what they should have, and attempts what is missing on one of them; `all`: and what is
    /// not known to be free.
    fn check(&self, memory: &mut Memory, survey: &Survey, all: bool, reason: Reason) {
        let behind = memory.runner.take_behind();
        memory.runner.check(&self.order());
        self.dirty.take_checked(survey, all, self);
        if !survey.sets.dirty().empty() {
            self.pass(memory, Attempt::Dirty, reason);
        } else if behind && !memory.runner.behind() {
            // A core that was left out takes part again.
            self.pass(memory, Attempt::Fill, reason);
        }
    }

    /// Has the thread check its own core at intervals, also where nothing else begins by itself. Returns when
    /// to check again.
    fn check_own_core(&self, memory: &mut Memory, survey: &Survey) -> Option<Msecs> {
        if survey.sets.free().empty() {
            return None;
        }
        let since = compat::millis_ceil(memory.checked.elapsed());
        let left = SELF_CHECK.saturating_sub(Msecs::try_from(since).unwrap_or(Msecs::MAX));
        if left != 0 {
            return Some(left);
        }
        memory.checked = Instant::now();
        match self_check::run(&self.dirty, survey, &mut memory.asked) {
            SelfCheck::Intact => (),
            // The next requests tell whether it is this core alone.
            SelfCheck::Cleared => self.mailbox.core_cleared(),
            SelfCheck::Missing => {
                self.mailbox.set_busy();
                self.check(memory, survey, false, Reason::Check);
            }
        }
        Some(SELF_CHECK)
    }

    /// Looks whether SNP is on, and waits for an initialisation that is under way. Tells whether all of memory
    /// has to be attempted: SNP has come on, or was initialised again.
    fn look_for_snp(&self, memory: &mut Memory) -> bool {
        if !self.found.features.rmpopt {
            return false;
        }
        let begun = snp::begun();
        let before = memory.snp;
        let now = platform::look(&self.found, before, self.snp_watched());
        let again = core::mem::replace(&mut memory.begun, begun) != begun;
        memory.snp = Some(now);
        let news = match (before, now) {
            (Some(Snp::On), Snp::On) if again => {
                Some("SNP was initialised again, all of memory is attempted")
            }
            (Some(Snp::Off | Snp::Initialising), Snp::On) => {
                Some("SNP has come on, all of memory is attempted")
            }
            (Some(Snp::On), Snp::Off) => Some("SNP has gone off, waiting until it is on again"),
            (Some(Snp::On) | None, Snp::Initialising) => {
                Some("SNP_INIT is not over, waiting until it is")
            }
            _ => None,
        };
        if let Some(news) = news.filter(|_| self.mailbox.enabled()) {
            pr_info!("{news}\n");
        }
        if now == Snp::Off && before != Some(Snp::Off) {
            // A shutdown may have left RMPOPT_BASE as it was.
            self.switch_off(memory);
        }
        let anew =
            now == Snp::On && (again || matches!(before, Some(Snp::Off | Snp::Initialising)));
        if anew || now == Snp::Initialising {
            // Records what the initialisation has cleared.
            memory.runner.all_cleared(&self.order(), 0);
        }
        if anew {
            self.dirty.forget(&self.survey());
        }
        anew
    }

    /// Surveys RAM and cores again. False where memory is short: then the old survey stays, and the log tells
    /// unless this is done `again` for that reason.
    fn survey_again(&self, memory: &mut Memory, again: bool) -> bool {
        let new = Survey::new(Some(&self.survey()), self.span, self.settings.policy())
            .and_then(|survey| Ok(Arc::new(survey, GFP_KERNEL)?))
            .and_then(|survey| {
                self.dirty.cover(&survey.topology)?;
                Ok((Runner::new(survey.clone())?, survey))
            });
        match new {
            Ok((runner, survey)) => {
                self.set_survey(survey);
                memory.runner = runner;
                true
            }
            Err(e) => {
                if !again {
                    pr_warn!(
                        "CPUs or memory changed, but there is no memory to note it ({}): trying again every {} ms\n",
                        e.to_errno(),
                        RETRY
                    );
                }
                false
            }
        }
    }

    /// Gets what the thread works with, and waits until there is memory for that. Requests are answered
    /// meanwhile, so that nobody waits for ever, and carried out later. `None` where the module is unloaded
    /// before.
    fn begin(&self) -> Option<Memory> {
        let mut owed = Requests::default();
        let mut before = None;
        let mut said = false;
        loop {
            match Runner::new(self.survey()) {
                Ok(runner) => {
                    return Some(Memory {
                        runner,
                        snp: None,
                        begun: snp::begun(),
                        checked: Instant::now(),
                        asked: 0,
                        owed,
                        left_on: self.found.rmpopt_base.enabled() || self.role == Role::Native,
                        watched: None,
                        not_covered: 0,
                    })
                }
                Err(e) if !core::mem::replace(&mut said, true) => pr_warn!(
                    "no memory to work with ({}): trying again every {} ms\n",
                    e.to_errno(),
                    RETRY
                ),
                Err(_) => (),
            }
            let requests = self.mailbox.next(before, Some(RETRY));
            if requests.stop {
                return None;
            }
            owed = requests.with(owed);
            before = Some(requests);
        }
    }
}

/// The shorter one of two times to sleep; `None` is for ever.
fn sooner(one: Option<Msecs>, other: Option<Msecs>) -> Option<Msecs> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
