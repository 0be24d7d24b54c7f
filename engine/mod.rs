// SPDX-License-Identifier: GPL-2.0

//! What to optimise, on which core and when.
//!
//! No registers and no instructions (that is `sev/`), no files (`configfs/`, `debugfs/`). Pure files,
//! which never name the kernel crate and are compiled and tested on the host too: [`bitmap`],
//! [`census`], [`check`], [`extent`], [`pass`], [`plan`], [`ranges`], [`region`], [`rounds`],
//! [`state`], [`stats`], [`tracker`], [`trigger`], [`window`]. The others join them to the kernel: [`machine`]
//! knows RAM and cores, [`mod@core`] is one of these and its table, [`hands`] a core's part of a pass,
//! [`runner`] carries a pass out and [`progress`] tells how far it is, [`dirt`] knows what has changed,
//! [`control`] takes requests, [`settings`] are what can be adjusted, [`thread`] is the kthread that
//! decides, [`loss`] its look whether everything was lost, [`adopt`] takes up what cores have without it,
//! [`native`] says what is done beside a kernel with RMPOPT of its own, [`policy`] moves windows,
//! [`status`] asks the hardware for what the files show, [`occupancy`] and [`lookup`] what the RMP holds,
//! [`footprint`] adds up the memory.

mod adopt;
pub(crate) mod bitmap;
pub(crate) mod census;
pub(crate) mod check;
pub(crate) mod control;
pub(crate) mod core;
pub(crate) mod dirt;
pub(crate) mod extent;
pub(crate) mod footprint;
pub(crate) mod hands;
pub(crate) mod lookup;
pub(crate) mod loss;
pub(crate) mod machine;
mod native;
pub(crate) mod occupancy;
pub(crate) mod pass;
pub(crate) mod plan;
mod policy;
pub(crate) mod progress;
pub(crate) mod ranges;
pub(crate) mod region;
pub(crate) mod rounds;
pub(crate) mod runner;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod thread;
pub(crate) mod tracker;
pub(crate) mod trigger;
pub(crate) mod window;

use self::{
    census::{
        Depth,
        Held,
        Tally, //
    },
    control::Control,
    dirt::{
        Census,
        Dirt, //
    },
    extent::Extent,
    lookup::Wanted,
    machine::Machine,
    occupancy::Survey,
    progress::Progress,
    settings::{
        Isolated,
        Settings, //
    },
};
use crate::{
    sev::{
        addr::Region,
        assess::{
            Found,
            Native,
            Role, //
        },
        rmp::Reader, //
    },
    sys::{
        compat,
        cpu::Cpu,
        hotplug,
        memory,
        probe,
        reboot,
        snp, //
    },
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

/// All that lasts as long as the module: shared by the thread, the files and the hotplug callbacks.
#[pin_data]
pub(crate) struct Engine {
    /// What was found when the module was loaded.
    pub(crate) found: Found,
    /// What follows from it.
    pub(crate) role: Role,
    /// Regions that a core's table spans.
    pub(crate) span: u32,
    /// Requests to the thread and what it reports.
    #[pin]
    pub(crate) control: Control,
    /// What an administrator can adjust.
    pub(crate) settings: Settings,
    /// What conversions mean for regions.
    #[pin]
    pub(crate) dirt: Dirt,
    /// How far the pass is.
    pub(crate) progress: Progress,
    /// The page that somebody looks up in the RMP.
    pub(crate) wanted: Wanted,
    /// The beginnings of initialisations of SNP are seen.
    snp_watched: Atomic<bool>,
    /// Held while cores are asked for a status file: one such question at a time.
    #[pin]
    asking: Mutex<()>,
    /// Held by the thread whenever it does anything with cores, and by who moves windows.
    #[pin]
    passes: Mutex<()>,
    #[pin]
    machine: Mutex<Arc<Machine>>,
}

impl Engine {
    /// Looks at RAM and cores. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(
        found: Found,
        role: Role,
        span: u32,
        native: Native,
        isolated: Isolated,
    ) -> Result<Arc<Self>> {
        let settings = Settings::new(isolated);
        settings.set_native(native);
        let machine = Machine::survey(None, span, settings.policy())?;
        let machine = Arc::new(machine, GFP_KERNEL)?;
        let engine = Arc::pin_init(
            try_pin_init!(Self {
                found,
                role,
                span,
                control <- Control::new(match role {
                    Role::Observe(_) => false,
                    Role::Optimise => true,
                    Role::Native => native != Native::Observe,
                }),
                settings,
                dirt <- Dirt::new(),
                progress: Progress::new(),
                wanted: Wanted::new(),
                snp_watched: Atomic::new(false),
                asking <- new_mutex!(()),
                passes <- new_mutex!(()),
                machine <- new_mutex!(machine),
            }),
            GFP_KERNEL,
        )?;
        let machine = engine.machine();
        engine.dirt.cover(&machine)?;
        for entry in machine.cores.iter() {
            entry.core.set_owner(engine.owner());
        }
        Ok(engine)
    }

    /// The beginnings of initialisations of SNP are seen from now on.
    pub(crate) fn set_snp_watched(&self) {
        self.snp_watched.store(true, Relaxed);
    }

    fn snp_watched(&self) -> bool {
        self.snp_watched.load(Relaxed)
    }

    /// Whether RMPOPT may be executed: SNP is on, or off and not being initialised. False too where nobody
    /// keeps the gate, as nothing is optimised there.
    pub(crate) fn snp_ready(&self) -> bool {
        snp::is_open()
    }

    /// RAM and cores as last looked at.
    pub(crate) fn machine(&self) -> Arc<Machine> {
        self.machine.lock().clone()
    }

    /// Replaces it. What was marked as changed while the new one was made is marked there too.
    fn set_machine(&self, machine: Arc<Machine>) {
        let mut current = self.machine.lock();
        machine.add_changed(&current);
        *current = machine;
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
        self.control.set_enabled(enabled)
    }

    /// Asks for an attempt on all of RAM. Requests during a pass make one more pass.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled, which is always so where the module only observes.
    pub(crate) fn attempt_all(&self) -> Result {
        self.control.attempt_all()
    }

    /// Asks for an attempt on the regions that a range touches.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled; ERANGE where there is no RAM.
    pub(crate) fn attempt_range(&self, range: Extent) -> Result {
        if !self.control.enabled() {
            return Err(EPERM);
        }
        // Locked, so that no mark is made in a survey that was just replaced.
        let machine = self.machine.lock();
        let mut any = false;
        for (place, ram) in machine.ram.iter().enumerate() {
            if range.touches(ram.region) {
                machine.changed().set(place);
                any = true;
            }
        }
        drop(machine);
        if !any {
            return Err(ERANGE);
        }
        self.control.attempt_changed()
    }
}

impl Engine {
    /// Counts the assigned pages of a region for somebody who asks, and remembers what came out. May sleep.
    ///
    /// # Errors
    ///
    /// As [`occupancy::census`].
    pub(crate) fn census(&self, survey: &mut Survey, region: Region) -> Result<(Tally, Held)> {
        let before = self.dirt.region(region).map(|known| known.state);
        let (tally, held) = survey.region(region, Depth::All)?;
        if let Some(before) = before {
            let pages = tally.guest.saturating_add(tally.firmware);
            self.dirt.counted(region, before, pages);
        }
        Ok((tally, held))
    }
}

impl probe::Kick for Engine {
    fn counters(&self) -> &probe::Counters {
        self.dirt.counters()
    }

    fn kick(&self) {
        self.control.look();
    }
}

impl reboot::Listener for Engine {
    /// The next kernel, which kexec may start without a reset, finds no core at work, and RMPOPT
    /// disabled where the processor allows that.
    fn rebooting(&self) {
        // The wait may be cut short: then a pass is aborted a moment later.
        let _ = self.set_enabled(false);
    }
}

impl Census for Engine {
    fn held(&self, region: Region) -> Option<bool> {
        if self.control.aborting() {
            return None;
        }
        let mut reader = Reader::new(&self.found).ok()?;
        occupancy::any(&mut reader, region).ok()
    }
}

impl snp::Listener for Engine {
    fn initialising(&self) {
        self.control.look();
    }
}

impl memory::Listener for Engine {
    fn memory_changed(&self) {
        self.control.host_changed();
    }
}

impl hotplug::Listener for Engine {
    fn online(&self, cpu: Cpu) {
        hands::arrive(&self.machine(), cpu);
        self.control.host_changed();
    }

    fn offline(&self, cpu: Cpu) {
        if !matches!(self.role, Role::Observe(_)) {
            hands::leave(&self.machine(), cpu);
        }
        self.control.host_changed();
    }
}
