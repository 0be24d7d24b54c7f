// SPDX-License-Identifier: GPL-2.0

//! Decides: requests come in through the [`mailbox`], the [`thread`] carries them out and does what is due.
//!
//! [`adopt`] takes up what cores have without an attempt of the module's, [`native`] is what is done beside a
//! kernel with RMPOPT of its own, [`policy`] moves windows, and [`self_check`] is the thread's look at its own
//! core. What a pass does on the cores is in [`super::pass`], what conversions mean in [`super::dirty`].
//!
//! May use both, [`super::host`], the engine's leaves, `sev/` and `sys/`.

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

/// All that decisions are made of: shared by the thread, the files and the callbacks.
#[pin_data]
pub(crate) struct Control {
    /// What was found when the module was loaded.
    pub(crate) found: Found,
    /// What follows from it.
    pub(crate) role: Role,
    /// Regions that a core's table spans.
    span: u32,
    /// Requests to the thread and what it reports.
    #[pin]
    pub(crate) mailbox: Mailbox,
    /// What an administrator can adjust.
    pub(crate) settings: Settings,
    /// What conversions mean for regions.
    #[pin]
    pub(crate) dirty: DirtyRegions,
    /// How far the pass is.
    pub(crate) progress: Progress,
    /// The beginnings of initialisations of SNP are seen.
    snp_watched: Atomic<bool>,
    /// Held by the thread whenever it does anything with cores, and by who moves windows.
    #[pin]
    passes: Mutex<()>,
    #[pin]
    survey: Mutex<Arc<Survey>>,
}

impl Control {
    /// Looks at RAM and cores. `enabled` is the first position of the administrator's switch. May sleep.
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

    /// Gets ready for conversions and for questions, before the first of them come. May sleep.
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

    /// The beginnings of initialisations of SNP are seen from now on.
    pub(crate) fn set_snp_watched(&self) {
        self.snp_watched.store(true, Relaxed);
    }

    fn snp_watched(&self) -> bool {
        self.snp_watched.load(Relaxed)
    }

    /// Whether RMPOPT may be executed: SNP is on, or off and not being initialised. False too where SNP's
    /// initialisation is not watched, as nothing is optimised there.
    pub(crate) fn snp_ready(&self) -> bool {
        snp::is_open()
    }

    /// RAM and cores as last surveyed.
    pub(crate) fn survey(&self) -> Arc<Survey> {
        self.survey.lock().clone()
    }

    /// Replaces it. What was marked as dirty while the new one was made is marked there too.
    fn set_survey(&self, survey: Arc<Survey>) {
        let mut current = self.survey.lock();
        survey.add_dirty(&current);
        *current = survey;
    }

    /// The window that an enabled RMPOPT_BASE opens.
    pub(crate) fn window_at(&self, base: RmpoptBase) -> Option<Window> {
        let first = base.first().filter(|_| base.enabled())?;
        Some(Window {
            first,
            span: self.span,
        })
    }

    /// The circumstances under which cores work at this moment.
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

    /// What is set about work that nobody asks for.
    fn schedule(&self) -> Schedule {
        Schedule {
            auto: self.settings.auto(),
            timing: self.settings.timing(),
            full_check_s: self.settings.full_check_s(),
        }
    }

    /// The administrator's switch. `false` returns when no core is at work any more, and RMPOPT is off
    /// wherever the processor lets it be switched off.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP for `true` where the module only observes. EINTR where a signal ended the wait;
    /// the switch is thrown all the same.
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
    /// EPERM while not enabled; ERANGE where there is no RAM.
    pub(crate) fn attempt_range(&self, range: Extent) -> Result {
        if !self.mailbox.enabled() {
            return Err(EPERM);
        }
        // Locked, so that no mark is made in a survey that was just replaced.
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

    /// `cpu` has come online. In thread context, under the hotplug lock.
    pub(crate) fn cpu_online(&self, cpu: Cpu) {
        core_base::arrive(&self.survey().topology, cpu);
        self.mailbox.host_changed();
    }

    /// `cpu` goes offline. In thread context on it, under the hotplug lock.
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
