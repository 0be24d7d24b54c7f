// SPDX-License-Identifier: GPL-2.0

//! What to optimise, on which core and when.
//!
//! Registers and instructions belong to `sev/`, files to `configfs/` and `debugfs/`. The engine's rooms are
//! [`host`], [`census`], [`pass`], [`dirty`], [`control`] and [`view`]; the head of each says what the room is
//! for and which other rooms it may use. All rooms use the leaves: [`settings`], [`stats`], and [`bitmap`]
//! with [`atomic_bits`].
//!
//! This file is the facade: everything that controls, status and callbacks may ask for is a method of
//! [`Engine`]. No other file of the engine names [`Engine`]. A test in `tests/host` fails on any other
//! direction of use. `tests/host` also compiles the pure files, which never name the kernel crate, on the host.

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

/// All state that lives as long as the module. The thread, the files and the callbacks share it.
#[pin_data]
pub(crate) struct Engine {
    #[pin]
    control: Control,
    #[pin]
    view: View,
}

impl Engine {
    /// Surveys RAM and cores. May sleep.
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

    /// The features found when the module was loaded.
    pub(crate) fn found(&self) -> &Found {
        &self.control.found
    }

    /// What the module does with the features that were found.
    pub(crate) fn role(&self) -> Role {
        self.control.role
    }

    /// Records that the module sees the beginning of each SNP initialisation from now on.
    pub(crate) fn set_snp_watched(&self) {
        self.control.set_snp_watched();
    }
}

/// Controls. All of these methods may sleep. Each setter also starts whatever its new value requires.
impl Engine {
    /// The administrator's switch `enabled`.
    pub(crate) fn enabled(&self) -> bool {
        self.control.mailbox.enabled()
    }

    /// Sets the administrator's switch `enabled`. With `false` the call returns when no core executes RMPOPT any
    /// more and RMPOPT is off on every core whose processor lets it be switched off.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP for `true` where the module only observes. EINTR where a signal ended the wait; the switch
    /// keeps its new value.
    pub(crate) fn set_enabled(&self, enabled: bool) -> Result {
        self.control.set_enabled(enabled)
    }

    /// Asks for an attempt on all of RAM. All requests that arrive during a pass lead to one more pass.
    ///
    /// # Errors
    ///
    /// EPERM while `enabled` is off, which is always the case where the module only observes.
    pub(crate) fn attempt_all(&self) -> Result {
        self.control.mailbox.attempt_all()
    }

    /// Asks for an attempt on the regions that a range touches.
    ///
    /// # Errors
    ///
    /// EPERM while `enabled` is off; ERANGE where the range touches no region with RAM.
    pub(crate) fn attempt_range(&self, range: Extent) -> Result {
        self.control.attempt_range(range)
    }

    /// The policy that places windows.
    pub(crate) fn policy(&self) -> Policy {
        self.control.settings.policy()
    }

    /// Sets the policy that places windows, and moves each window that the new policy places elsewhere. Waits
    /// for the end of a pass that is under way.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where the kernel owns RMPOPT_BASE. EBUSY where the processor does not let a window move: then
    /// all windows and the policy stay as they were. ENOMEM.
    pub(crate) fn set_policy(&self, policy: Policy) -> Result {
        self.control.set_policy(policy)
    }

    /// What is done with isolated cores.
    pub(crate) fn isolated(&self) -> Isolated {
        self.control.settings.isolated()
    }

    /// Sets what is done with isolated cores, and orders the pass that carries the change out.
    pub(crate) fn set_isolated(&self, isolated: Isolated) {
        self.control.settings.set_isolated(isolated);
        self.control.mailbox.host_changed();
    }

    /// What is done beside a kernel that has RMPOPT of its own.
    pub(crate) fn native(&self) -> Native {
        self.control.settings.native()
    }

    /// Sets what is done beside a kernel that has RMPOPT of its own.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where the kernel has no RMPOPT. EINTR where a signal ended the wait: then `enabled` is `0` and
    /// nothing else has changed.
    pub(crate) fn set_native(&self, native: Native) -> Result {
        self.control.set_native(native)
    }

    /// Microseconds of RMPOPT after which a core reschedules; 0: after each instruction.
    pub(crate) fn slice_us(&self) -> u32 {
        self.control.settings.slice_us()
    }

    /// Sets the slice. A pass that is under way uses the new value at once.
    pub(crate) fn set_slice_us(&self, slice: u32) {
        self.control.settings.set_slice_us(slice);
    }

    /// Whether the thread starts passes without a request.
    pub(crate) fn auto(&self) -> bool {
        self.control.settings.auto()
    }

    /// Sets whether the thread starts passes without a request.
    pub(crate) fn set_auto(&self, auto: bool) {
        self.control.settings.set_auto(auto);
        self.control.mailbox.kick();
    }

    /// Milliseconds without a conversion after which the thread attempts the regions that guests gave back.
    pub(crate) fn delay_ms(&self) -> u32 {
        self.control.settings.timing().delay
    }

    /// Sets the delay of [`Engine::delay_ms`].
    pub(crate) fn set_delay_ms(&self, delay: u32) {
        self.control.settings.set_delay(delay);
        self.control.mailbox.kick();
    }

    /// Milliseconds after which the thread attempts regions that guests gave back although conversions continue.
    pub(crate) fn max_delay_ms(&self) -> u32 {
        self.control.settings.timing().max_delay
    }

    /// Sets the delay of [`Engine::max_delay_ms`].
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

/// Status. All of these methods may sleep.
impl Engine {
    /// Whether the module only observes.
    pub(crate) fn observes(&self) -> bool {
        self.control.observes()
    }

    /// What the module does, in one word.
    pub(crate) fn role_name(&self) -> &'static str {
        self.control.role_name()
    }

    /// Who owns RMPOPT_BASE: the module or the kernel.
    pub(crate) fn owner(&self) -> Owner {
        self.control.owner()
    }

    /// The progress of the pass that is under way or ordered. `None` where there is no such pass.
    pub(crate) fn progress(&self) -> Option<impl fmt::Display> {
        if !self.control.mailbox.busy() {
            return None;
        }
        let open = self.survey().sets.open().count();
        Some(self.control.progress.at(open))
    }

    /// The latest survey of RAM and cores.
    pub(crate) fn survey(&self) -> Arc<Survey> {
        self.control.survey()
    }

    /// Asks cores which regions they have optimised.
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
    /// Those of [`Engine::count`], and the error that `each` returned.
    pub(crate) fn for_each_region(&self, each: impl FnMut(&RegionView) -> Result) -> Result {
        regions::for_each(&self.control, each)
    }

    /// Prepares to read the RMP's entries.
    ///
    /// # Errors
    ///
    /// Those of [`crate::sev::rmp::Reader::new`].
    pub(crate) fn occupancy(&self) -> Result<Occupancy> {
        Occupancy::new(&self.control.found)
    }

    /// Counts the assigned pages of a region, and stores the count in the region's counters.
    ///
    /// # Errors
    ///
    /// Those of [`census::census`].
    pub(crate) fn count(
        &self,
        occupancy: &mut Occupancy,
        region: Region,
    ) -> Result<(AssignedPages, Held)> {
        regions::count(&self.control, occupancy, region)
    }

    /// Reads the RMP entry of the page that [`Engine::want_entry`] has set.
    ///
    /// # Errors
    ///
    /// Those of [`crate::sev::rmp::Reader::new`] and [`crate::sev::rmp::Reader::lookup`].
    pub(crate) fn lookup(&self) -> Result<Lookup> {
        self.view.wanted.look_up(&self.control.found)
    }

    /// The kind of probes that count conversions now. `None` while no probes are active.
    pub(crate) fn probes(&self) -> Option<probe::Kind> {
        self.control.dirty.kind()
    }

    /// The number of conversions that the probes have counted.
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
    /// Switches RMPOPT off, so that the next kernel, which kexec may start without a reset, finds no core
    /// executing RMPOPT, and RMPOPT disabled where the processor allows that.
    fn rebooting(&self) {
        // A signal may end the wait: then the pass that is under way is aborted a moment later.
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
