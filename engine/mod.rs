// SPDX-License-Identifier: GPL-2.0

//! What to optimise, on which core and when.
//!
//! No registers and no instructions (that is `sev/`), no files (that is `configfs/` and `debugfs/`). The
//! rooms, each of which says what it is for and which others it may use: [`host`], [`census`], [`pass`],
//! [`dirty`], [`control`], [`view`]. The leaves, which all of them use: [`settings`], [`stats`], and [`bitmap`]
//! with [`atomic_bits`].
//!
//! This file is the facade: whatever controls, status and callbacks may ask for is a method of [`Engine`].
//! Nothing else in the engine names it. `tests/host` holds these arrows, and compiles the pure files, which
//! never name the kernel crate, on the host.

mod atomic_bits;
pub(crate) mod bitmap;
pub(crate) mod census;
mod control;
pub(crate) mod dirty;
pub(crate) mod host;
mod pass;
pub(crate) mod settings;
pub(crate) mod stats;
pub(crate) mod view;

pub(crate) use self::control::{
    range,
    KEPT, //
};

use self::{
    census::count::{
        AssignedPages,
        Held, //
    },
    control::Control,
    host::{
        state::Owner,
        window::Policy, //
    },
    pass::survey::Survey,
    range::Extent,
    settings::{
        Isolated,
        Settings, //
    },
    stats::Stats,
    view::{
        lookup::Lookup,
        occupancy::Occupancy,
        regions::{
            self,
            RegionView, //
        },
        snapshot::{
            Scope,
            Snapshot, //
        },
        View, //
    }, //
};
use crate::{
    sev::{
        addr::Region,
        assess::{
            Found,
            Native,
            Role, //
        },
        page::Page, //
    },
    sys::{
        cpu::Cpu,
        hotplug,
        kthread,
        memory,
        probe,
        reboot,
        snp, //
    }, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

/// All that lasts as long as the module: shared by the thread, the files and the callbacks.
#[pin_data]
pub(crate) struct Engine {
    #[pin]
    control: Control,
    #[pin]
    view: View,
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
        let engine = Arc::pin_init(
            try_pin_init!(Self {
                control <- Control::new(found, role, span, settings),
                view <- View::new(),
            }),
            GFP_KERNEL,
        )?;
        engine.control.prepare()?;
        Ok(engine)
    }

    /// What was found when the module was loaded.
    pub(crate) fn found(&self) -> &Found {
        &self.control.found
    }

    /// What follows from it.
    pub(crate) fn role(&self) -> Role {
        self.control.role
    }

    /// The beginnings of initialisations of SNP are seen from now on.
    pub(crate) fn set_snp_watched(&self) {
        self.control.set_snp_watched();
    }
}

/// Controls. All of these may sleep. What follows from a new value is done here too.
impl Engine {
    /// The administrator's switch.
    pub(crate) fn enabled(&self) -> bool {
        self.control.mailbox.enabled()
    }

    /// Throws the administrator's switch. `false` returns when no core is at work any more, and RMPOPT is off
    /// wherever the processor lets it be switched off.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP for `true` where the module only observes. EINTR where a signal ended the wait;
    /// the switch is thrown all the same.
    pub(crate) fn set_enabled(&self, enabled: bool) -> Result {
        self.control.set_enabled(enabled)
    }

    /// Asks for an attempt on all of RAM. Requests during a pass make one more pass.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled, which is always so where the module only observes.
    pub(crate) fn attempt_all(&self) -> Result {
        self.control.mailbox.attempt_all()
    }

    /// Asks for an attempt on the regions that a range touches.
    ///
    /// # Errors
    ///
    /// EPERM while not enabled; ERANGE where there is no RAM.
    pub(crate) fn attempt_range(&self, range: Extent) -> Result {
        self.control.attempt_range(range)
    }

    /// Where windows lie.
    pub(crate) fn policy(&self) -> Policy {
        self.control.settings.policy()
    }

    /// Sets where windows lie, and moves those that lie elsewhere. Waits for a pass that is under way.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where RMPOPT_BASE is the kernel's. EBUSY where the processor does not let a window move: then
    /// all are where they were, and the policy is as it was. ENOMEM.
    pub(crate) fn set_policy(&self, policy: Policy) -> Result {
        self.control.set_policy(policy)
    }

    /// What is done with isolated cores.
    pub(crate) fn isolated(&self) -> Isolated {
        self.control.settings.isolated()
    }

    /// Sets what is done with isolated cores; a pass sees to it.
    pub(crate) fn set_isolated(&self, isolated: Isolated) -> Result {
        self.control.settings.set_isolated(isolated);
        self.control.mailbox.host_changed();
        Ok(())
    }

    /// What is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn native(&self) -> Native {
        self.control.settings.native()
    }

    /// Sets what is done beside a kernel that has RMPOPT of its own.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where the kernel has no RMPOPT. EINTR where a signal ended the wait: then nothing has
    /// changed but that `enabled` is `0`.
    pub(crate) fn set_native(&self, native: Native) -> Result {
        self.control.set_native(native)
    }

    /// Microseconds of RMPOPT after which a core reschedules; 0: after each one.
    pub(crate) fn slice_us(&self) -> u32 {
        self.control.settings.slice_us()
    }

    /// Sets the slice, also of a pass that is under way.
    pub(crate) fn set_slice_us(&self, slice: u32) {
        self.control.settings.set_slice_us(slice);
    }

    /// Whether passes begin by themselves.
    pub(crate) fn auto(&self) -> bool {
        self.control.settings.auto()
    }

    /// Sets whether passes begin by themselves.
    pub(crate) fn set_auto(&self, auto: bool) -> Result {
        self.control.settings.set_auto(auto);
        self.control.mailbox.kick();
        Ok(())
    }

    /// How long all has to be quiet before what was given back is attempted, in milliseconds.
    pub(crate) fn delay_ms(&self) -> u32 {
        self.control.settings.timing().delay
    }

    /// Sets that delay.
    pub(crate) fn set_delay_ms(&self, delay: u32) {
        self.control.settings.set_delay(delay);
        self.control.mailbox.kick();
    }

    /// After how long it is attempted even if it never is quiet, in milliseconds.
    pub(crate) fn max_delay_ms(&self) -> u32 {
        self.control.settings.timing().max_delay
    }

    /// Sets that delay.
    pub(crate) fn set_max_delay_ms(&self, delay: u32) {
        self.control.settings.set_max_delay(delay);
        self.control.mailbox.kick();
    }

    /// Seconds between two full checks; 0: none.
    pub(crate) fn full_check_s(&self) -> u32 {
        self.control.settings.full_check_s()
    }

    /// Sets the seconds between two full checks.
    pub(crate) fn set_full_check_s(&self, seconds: u32) {
        self.control.settings.set_full_check_s(seconds);
        self.control.mailbox.kick();
    }

    /// Sets the page of [`Engine::lookup`].
    pub(crate) fn want_entry(&self, page: Page) {
        self.view.wanted.set(page);
    }
}

/// Status. All of these may sleep.
impl Engine {
    /// Whether the module only observes.
    pub(crate) fn observes(&self) -> bool {
        self.control.observes()
    }

    /// What the module does, in one word.
    pub(crate) fn role_name(&self) -> &'static str {
        self.control.role_name()
    }

    /// Whose RMPOPT_BASE is.
    pub(crate) fn owner(&self) -> Owner {
        self.control.owner()
    }

    /// How far the pass is that is under way or ordered. `None` where there is none.
    pub(crate) fn progress(&self) -> Option<impl fmt::Display> {
        if !self.control.mailbox.busy() {
            return None;
        }
        let open = self.survey().sets.open().count();
        Some(self.control.progress.at(open))
    }

    /// RAM and cores as last surveyed.
    pub(crate) fn survey(&self) -> Arc<Survey> {
        self.control.survey()
    }

    /// Asks cores for what they have optimised.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn snapshot(&self, scope: Scope) -> Result<Snapshot<'_>> {
        self.view.snapshot(&self.control, scope)
    }

    /// Calls `each` with every region that has RAM, ascending.
    ///
    /// # Errors
    ///
    /// As [`Engine::count`], and what `each` returned.
    pub(crate) fn for_each_region(&self, each: impl FnMut(&RegionView) -> Result) -> Result {
        regions::for_each(&self.control, each)
    }

    /// Gets ready to read the RMP's entries.
    ///
    /// # Errors
    ///
    /// As [`crate::sev::rmp::Reader::new`].
    pub(crate) fn occupancy(&self) -> Result<Occupancy> {
        Occupancy::new(&self.control.found)
    }

    /// Counts the assigned pages of a region, and remembers what came out.
    ///
    /// # Errors
    ///
    /// As [`census::census`].
    pub(crate) fn count(
        &self,
        occupancy: &mut Occupancy,
        region: Region,
    ) -> Result<(AssignedPages, Held)> {
        regions::count(&self.control, occupancy, region)
    }

    /// Reads the RMP entry of the page that somebody wants to see.
    ///
    /// # Errors
    ///
    /// As [`crate::sev::rmp::Reader::new`] and [`crate::sev::rmp::Reader::lookup`].
    pub(crate) fn lookup(&self) -> Result<Lookup> {
        self.view.wanted.look_up(&self.control.found)
    }

    /// How conversions are seen at this moment. `None` while they are not.
    pub(crate) fn probes(&self) -> Option<probe::Kind> {
        self.control.dirty.kind()
    }

    /// Conversions that the probes have seen.
    pub(crate) fn conversions(&self) -> u64 {
        self.control.dirty.conversions(&self.survey())
    }

    /// The sums over all passes.
    pub(crate) fn stats(&self) -> Stats {
        self.control.dirty.stats()
    }
}

impl kthread::Body for Engine {
    fn run(&self) {
        self.control.run();
    }

    fn stop(&self) {
        self.control.stop();
    }
}

impl probe::Kick for Engine {
    fn counters(&self) -> &probe::Counters {
        self.control.dirty.counters()
    }

    fn kick(&self) {
        self.control.mailbox.kick();
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

impl snp::Listener for Engine {
    fn initialising(&self) {
        self.control.mailbox.kick();
    }
}

impl memory::Listener for Engine {
    fn memory_changed(&self) {
        self.control.mailbox.host_changed();
    }
}

impl hotplug::Listener for Engine {
    fn online(&self, cpu: Cpu) {
        self.control.cpu_online(cpu);
    }

    fn offline(&self, cpu: Cpu) {
        self.control.cpu_offline(cpu);
    }
}
