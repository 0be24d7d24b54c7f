// SPDX-License-Identifier: GPL-2.0

//! Decides what is done and when: the [`mailbox`] receives requests; the [`thread`] carries them out and does
//! the work that is due.
//!
//! [`adopt`] takes up regions that cores have optimised without an attempt by the module, [`native`] handles a
//! kernel with RMPOPT of its own, [`policy`] moves windows, and [`self_check`] is the thread's check of its own
//! core. [`super::pass`] holds what a pass does on the cores, [`super::dirty`] what conversions mean.
//!
//! This room may use [`super::pass`], [`super::dirty`], [`super::host`], [`super::census`], the engine's leaves,
//! `sev/` and `sys/`.

mod adopt;
pub(crate) mod mailbox;
mod native;
mod policy;
pub(crate) mod range;
mod self_check;
mod thread;

pub(crate) use self::thread::KEPT;

use self::{
    mailbox::Mailbox,
    range::Extent, //
};
use super::{
    census,
    dirty::{
        due::Schedule,
        Census,
        DirtyRegions, //
    },
    host::window::Window,
    pass::{
        core_base,
        order::{
            Events,
            Order, //
        },
        progress::Progress,
        survey::Survey, //
    },
    settings::Settings, //
};
use crate::{
    sev::{
        addr::Region,
        assess::{
            Found,
            Role, //
        },
        msr::RmpoptBase,
        rmp::Reader, //
    },
    sys::{
        compat,
        cpu::Cpu,
        snp, //
    }, //
};
use kernel::{
    new_mutex,
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

/// The state on which decisions depend. The thread, the files and the callbacks share it.
#[pin_data]
pub(crate) struct Control {
    /// The features found when the module was loaded.
    pub(crate) found: Found,
    /// What the module does with those features.
    pub(crate) role: Role,
    /// The number of regions that a core's table spans.
    span: u32,
    /// Requests to the thread, and what the thread reports.
    #[pin]
    pub(crate) mailbox: Mailbox,
    /// What an administrator can adjust.
    pub(crate) settings: Settings,
    /// What conversions mean for regions.
    #[pin]
    pub(crate) dirty: DirtyRegions,
    /// How far the current pass is.
    pub(crate) progress: Progress,
    /// The module sees the beginning of each SNP initialisation.
    snp_watched: Atomic<bool>,
    /// The thread holds this lock while it works with cores, and [`Control::set_policy`] while it moves windows.
    #[pin]
    passes: Mutex<()>,
    #[pin]
    survey: Mutex<Arc<Survey>>,
}

impl Control {
    /// Surveys RAM and cores. May sleep.
    pub(crate) fn new(
        found: Found,
        role: Role,
        span: u32,
        settings: Settings,
    ) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let survey = Survey::new(None, span, settings.policy())?;
            let survey = Arc::new(survey, GFP_KERNEL)?;
            let enabled = !native::observes(role, settings.native());
            Ok(try_pin_init!(Self {
                found,
                role,
                span,
                mailbox <- Mailbox::new(enabled),
                settings,
                dirty <- DirtyRegions::new(),
                progress: Progress::new(),
                snp_watched: Atomic::new(false),
                passes <- new_mutex!(()),
                survey <- new_mutex!(survey),
            }))
        })
    }

    /// Gives each region counters and each core its owner. To be called before probes are registered and before
    /// files exist. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn prepare(&self) -> Result {
        let survey = self.survey();
        self.dirty.cover(&survey.topology)?;
        for entry in survey.topology.cores.iter() {
            entry.core.set_owner(self.owner());
        }
        Ok(())
    }

    /// Records that the module sees the beginning of each SNP initialisation from now on.
    pub(crate) fn set_snp_watched(&self) {
        self.snp_watched.store(true, Relaxed);
    }

    fn snp_watched(&self) -> bool {
        self.snp_watched.load(Relaxed)
    }

    /// Whether RMPOPT may be executed: SNP is on, or off and not being initialised. Also false where SNP's
    /// initialisation is not watched, because nothing is optimised there.
    pub(crate) fn snp_ready(&self) -> bool {
        snp::is_open()
    }

    /// The latest survey of RAM and cores.
    pub(crate) fn survey(&self) -> Arc<Survey> {
        self.survey.lock().clone()
    }

    /// Replaces the survey. Regions that were marked as dirty in the old survey, while the new survey was made,
    /// are marked in the new one too.
    fn set_survey(&self, survey: Arc<Survey>) {
        let mut current = self.survey.lock();
        survey.add_dirty(&current);
        *current = survey;
    }

    /// The window that begins at an enabled RMPOPT_BASE. `None` where `base` is not enabled.
    pub(crate) fn window_at(&self, base: RmpoptBase) -> Option<Window> {
        let first = base.first().filter(|_| base.enabled())?;
        Some(Window {
            first,
            span: self.span,
        })
    }

    /// The settings and callbacks that apply to the work of cores at this moment.
    fn order(&self) -> Order<'_> {
        Order {
            abort: self.mailbox.abort(),
            settings: &self.settings,
            isolated: self.settings.isolated(),
            owner: self.owner(),
            native: self.role == Role::Native,
            progress: &self.progress,
            events: self,
        }
    }

    /// The settings for work that the thread does without a request.
    fn schedule(&self) -> Schedule {
        Schedule {
            auto: self.settings.auto(),
            timing: self.settings.timing(),
            full_check_s: self.settings.full_check_s(),
        }
    }

    /// Sets the administrator's switch `enabled`. With `false` the call returns when no core executes RMPOPT any
    /// more and RMPOPT is off on every core whose processor lets it be switched off.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP for `true` where the module only observes. EINTR where a signal ended the wait; the switch
    /// keeps its new value.
    pub(crate) fn set_enabled(&self, enabled: bool) -> Result {
        if self.observes() {
            return if enabled {
                Err(compat::eopnotsupp())
            } else {
                Ok(())
            };
        }
        self.mailbox.set_enabled(enabled)
    }

    /// Asks for an attempt on the regions that a range touches.
    ///
    /// # Errors
    ///
    /// EPERM while `enabled` is off; ERANGE where the range touches no region with RAM.
    pub(crate) fn attempt_range(&self, range: Extent) -> Result {
        if !self.mailbox.enabled() {
            return Err(EPERM);
        }
        // The lock is held over the loop: `set_survey` must not replace the survey while regions are marked in it.
        let survey = self.survey.lock();
        let mut any = false;
        for (place, ram) in survey.topology.ram.iter().enumerate() {
            if range.touches(ram.region) {
                survey.sets.dirty().set(place);
                any = true;
            }
        }
        drop(survey);
        if !any {
            return Err(ERANGE);
        }
        self.mailbox.attempt_dirty()
    }

    /// Takes note that `cpu` has come online. Called in thread context, under the hotplug lock.
    pub(crate) fn cpu_online(&self, cpu: Cpu) {
        core_base::arrive(&self.survey().topology, cpu);
        self.mailbox.host_changed();
    }

    /// Takes note that `cpu` goes offline. Called in thread context on `cpu`, under the hotplug lock.
    pub(crate) fn cpu_offline(&self, cpu: Cpu) {
        if !matches!(self.role, Role::Observe(_)) {
            core_base::leave(&self.survey().topology, cpu);
        }
        self.mailbox.host_changed();
    }
}

impl Events for Control {
    fn core_cleared(&self) {
        self.mailbox.core_cleared();
    }

    fn host_changed(&self) {
        self.mailbox.host_changed();
    }
}

impl Census for Control {
    fn held(&self, region: Region) -> Option<bool> {
        if self.mailbox.aborting() {
            return None;
        }
        let mut reader = Reader::new(&self.found).ok()?;
        census::any(&mut reader, region).ok()
    }
}
