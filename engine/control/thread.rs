// SPDX-License-Identifier: GPL-2.0

//! The kthread `rmpopt`: it carries requests out, decides which work is due, and sleeps while there is none.

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

/// How often the thread looks whether SNP has come on, in milliseconds. It looks only while SNP is not on.
pub(super) const SNP_POLL: Msecs = 1000;

/// How often the thread checks the core on which it runs, in milliseconds.
const SELF_CHECK: Msecs = 1000;

/// The longest rest that follows a pass, in milliseconds.
const REST_MAX: i64 = 1000;

/// How long the thread waits after an allocation has failed, in milliseconds.
const RETRY: Msecs = 1000;

/// The text, in the log and in files, for memory that stays optimised because RMPOPT_EN cannot be cleared.
pub(crate) const KEPT: &str = "stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared";

/// What the thread remembers from one request to the next.
pub(super) struct Memory {
    pub(super) runner: Runner,
    /// The state of SNP when the thread last looked. `None` before the first look.
    pub(super) snp: Option<Snp>,
    /// The number of SNP initialisations that had begun before that look.
    begun: u32,
    /// When the thread last checked its own core.
    checked: Instant<Monotonic>,
    /// The place of the region that the last check of the own core asked for.
    asked: usize,
    /// Requests that failed for lack of memory. The thread tries them again with the next requests, at the
    /// latest after [`RETRY`].
    owed: Requests,
    /// Cores had RMPOPT enabled when the module was loaded, and nobody has asked them yet what they have.
    pub(super) left_on: bool,
    /// When the thread last looked for the kernel's own passes.
    pub(super) watched: Option<Instant<Monotonic>>,
    /// The kernel's own passes have won regions which some cores may lack. The next pass gives them to all cores.
    pub(super) uneven: bool,
    /// The number of regions beyond the kernel's window that was last logged.
    pub(super) not_covered: usize,
}

impl Control {
    /// The main loop of the thread. In thread context; may sleep. Returns after [`Control::stop`].
    pub(crate) fn run(&self) {
        self.mailbox.attach();
        let Some(mut memory) = self.begin() else {
            return;
        };
        let mut before = None;
        // Requests that arrived while `begin` waited for memory are carried out at once.
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

    /// Attempts to switch RMPOPT off on all cores. Returns `false` where RMPOPT stays on and this call has not
    /// logged it.
    ///
    /// While SNP is being initialised, and after its initialisation has failed, nobody may switch RMPOPT off. The
    /// end of SNP_INIT clears it; the thread looks for that end.
    fn switch_off(&self, memory: &mut Memory) -> bool {
        let before = self.kept();
        let mut initialising = memory.snp == Some(Snp::Initialising);
        while !initialising && !memory.runner.switch_off() && !snp::is_open() {
            // An initialisation of SNP has begun in the meantime.
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
        let snp_off = memory.snp == Some(Snp::Off);
        if initialising || snp_off || !cores.any(|entry| entry.core.is_on()) {
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

    /// Logs that RMPOPT stays on although it was to be switched off.
    fn report_kept(&self) {
        let state = CoreState::Kept.name();
        pr_info!("memory {} (cores {}: {})\n", KEPT, state, self.kept());
    }

    /// Makes a pass, then rests.
    pub(super) fn pass(&self, memory: &mut Memory, attempt: Attempt, reason: Reason) {
        let begin = Instant::<Monotonic>::now();
        let survey = self.survey();
        if matches!(reason, Reason::GivenBack | Reason::Host) {
            self.dirty.spare_held(&survey);
        }
        let sets = &survey.sets;
        if reason == Reason::GivenBack && sets.dirty().empty() && sets.open().empty() {
            // Every region that was given back has been assigned again.
            return;
        }
        memory.uneven = false;
        self.dirty.begin_pass(&survey, attempt, reason);
        let outcome = memory.runner.pass(&self.order(), attempt);
        self.dirty.end_pass(&survey, reason, outcome);
        // The rest is as long as the pass was, up to REST_MAX: many requests in a row leave other tasks half of
        // the time.
        let rest = compat::millis_ceil(begin.elapsed()).clamp(1, REST_MAX);
        self.mailbox.rest(Delta::from_millis(rest));
    }

    /// Does the work that is due without a request. Returns how long the thread may sleep; `None`: until a kick.
    fn tend(&self, memory: &mut Memory) -> Option<Msecs> {
        let watch = self.watch(memory);
        let retry = memory.owed.survey.then_some(RETRY);
        sooner(sooner(retry, watch), self.do_what_is_due(memory))
    }

    fn do_what_is_due(&self, memory: &mut Memory) -> Option<Msecs> {
        if !self.mailbox.enabled() {
            // The thread only waits for the end of an SNP initialisation: before it, RMPOPT cannot be switched off.
            return (memory.snp == Some(Snp::Initialising)).then_some(SNP_POLL);
        }
        if memory.snp != Some(Snp::On) {
            return Some(SNP_POLL);
        }
        if memory.uneven && self.settings.auto() {
            self.mailbox.set_busy();
            self.pass(memory, Attempt::Fill, Reason::Check);
            return Some(0);
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
                self.take_up_native_pass(memory, survey);
                if self.dirty.take_queue(survey, self) {
                    self.pass(memory, Attempt::Dirty, Reason::GivenBack);
                }
            }
            Task::Check(reason) => self.check(memory, survey, true, reason),
        }
    }

    /// Asks all cores for the regions that they should have, and attempts each region that a core lacks. With
    /// `all` also attempts the regions that are not known to be free.
    fn check(&self, memory: &mut Memory, survey: &Survey, all: bool, reason: Reason) {
        let behind = memory.runner.take_behind();
        memory.runner.check(&self.order());
        self.dirty.take_checked(survey, all, self);
        if !survey.sets.dirty().empty() {
            self.pass(memory, Attempt::Dirty, reason);
        } else if behind && !memory.runner.behind() {
            // A core that earlier passes had to leave out takes part again.
            self.pass(memory, Attempt::Fill, reason);
        }
    }

    /// Checks the thread's own core if the last check is [`SELF_CHECK`] milliseconds ago, even where `auto` is
    /// off. Returns after how many milliseconds to check again; `None` where no region is free and no core was taken
    /// out.
    fn check_own_core(&self, memory: &mut Memory, survey: &Survey) -> Option<Msecs> {
        let taken_out = |entry: &CoreEntry| matches!(entry.core.state(), CoreState::TakenOut(_));
        if survey.sets.free().empty() && !survey.topology.cores.iter().any(taken_out) {
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
            // The thread finds out with its next requests whether only this core was cleared.
            SelfCheck::Cleared => self.mailbox.core_cleared(),
            SelfCheck::Missing => {
                self.mailbox.set_busy();
                self.check(memory, survey, false, Reason::Check);
            }
        }
        Some(SELF_CHECK)
    }

    /// Looks whether SNP is on, and waits for an initialisation that is under way. Returns whether all of memory
    /// has to be attempted, because SNP has come on or was initialised again.
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
            (Some(Snp::On | Snp::Off) | None, Snp::Initialising) => {
                Some("SNP_INIT is not over, waiting until it is")
            }
            _ => None,
        };
        if let Some(news) = news.filter(|_| self.mailbox.enabled()) {
            pr_info!("{news}\n");
        }
        let gone_off = now == Snp::Off && before != Some(Snp::Off);
        let anew =
            now == Snp::On && (again || matches!(before, Some(Snp::Off | Snp::Initialising)));
        if gone_off || anew || now == Snp::Initialising {
            // Records on which cores the shutdown or the initialisation has cleared RMPOPT_BASE.
            memory.runner.all_cleared(&self.order(), 0);
        }
        if gone_off {
            // A shutdown may have left RMPOPT_BASE as it was.
            self.switch_off(memory);
        }
        if anew {
            self.dirty.forget(&self.survey());
        }
        anew
    }

    /// Surveys RAM and cores again. Returns `false` where an allocation failed: then the old survey stays. The
    /// failure is logged, but not where `again` says that an earlier survey failed in the same way.
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

    /// Allocates what the thread works with; waits until there is memory for it. Meanwhile requests are reported
    /// as carried out, so that no writer of `enabled` waits for ever, and are kept for later. `None` where the
    /// module is unloaded before there is memory.
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
                        uneven: false,
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

/// The shorter of two times to sleep; `None` means for ever.
fn sooner(one: Option<Msecs>, other: Option<Msecs>) -> Option<Msecs> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
