// SPDX-License-Identifier: GPL-2.0

//! Probes on the kernel's RMP functions, and the counters of regions that the probes write. `probe/` holds the code
//! that runs in the kernel's functions.

use super::registration::{
    Callback,
    Facility,
    Registration,
    Single, //
};
use kernel::{
    error::to_result,
    ffi,
    prelude::*,
    sync::atomic::Atomic, //
};

extern "C" {
    fn rmpopt_counters_cover(gib: u64, state: u64) -> ffi::c_int;
    fn rmpopt_counters_of(gib: u64) -> *const RegionCounters;
    fn rmpopt_counters_free();
    fn rmpopt_probe_register(kick: Callback, data: *mut ffi::c_void) -> ffi::c_int;
    fn rmpopt_probe_unregister();
    fn rmpopt_probe_kind() -> ffi::c_int;
    fn rmpopt_probe_missed() -> ffi::c_ulong;
    fn rmpopt_kicked() -> bool;
    fn rmpopt_kick_reset();
    fn rmpopt_now_ms() -> u64;
}

const RMPOPT_PROBE_DIRECT: ffi::c_int = 1;
const RMPOPT_PROBE_FPROBE: ffi::c_int = 2;

/// The counters of one region, in a cache line of their own. `engine/dirty/` interprets the fields.
/// `struct rmpopt_region_counters` in `probe/probe.h` is the same memory.
#[repr(C, align(64))]
pub(crate) struct RegionCounters {
    /// The word that every conversion changes: see `engine/dirty/tracker.rs`.
    pub(crate) state: Atomic<u64>,
    /// When the last conversion ended, in milliseconds. Conversions write it.
    pub(crate) last: Atomic<u64>,
    /// 1 while the region is optimised. The conversion that displaces the region clears it.
    pub(crate) optimised: Atomic<u32>,
    /// Only the probes use this field.
    _unsure: Atomic<u32>,
    /// `state` before the attempt that is under way.
    pub(crate) before: Atomic<u64>,
    /// When the region was last attempted, in milliseconds.
    pub(crate) attempt: Atomic<u64>,
    /// The number of conversions that the thread has dealt with.
    pub(crate) seen: Atomic<u32>,
    /// The result of the last attempt: the code of an `AttemptResult`.
    pub(crate) result: Atomic<u32>,
    /// 1 from the beginning of an attempt that follows a conversion until its result: then the delay since the
    /// conversion is counted.
    pub(crate) awaited: Atomic<u32>,
}

/// Checks size and offsets at build time: the code does not compile where they differ from `probe/probe.h`.
macro_rules! laid_out {
    ($size:literal: $($field:ident $offset:literal),*) => {
        const _: () = {
            assert!(core::mem::size_of::<RegionCounters>() == $size);
            $(assert!(core::mem::offset_of!(RegionCounters, $field) == $offset);)*
        };
    };
}
laid_out!(64: state 0, last 8, optimised 16, _unsure 20, before 24, attempt 32, seen 40, result 44,
    awaited 48);

/// The counters of all regions. At most one value exists at a time.
pub(crate) struct Counters {
    _single: Single,
}

impl Counters {
    /// Creates the value, without counters for any region.
    ///
    /// # Errors
    ///
    /// EBUSY where there is another value.
    pub(crate) fn new() -> Result<Self> {
        static TAKEN: Atomic<bool> = Atomic::new(false);
        Ok(Self {
            _single: Single::take(&TAKEN)?,
        })
    }

    /// Allocates counters for this region where there are none; the word of new counters is `state`. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; EFBIG for a region above 64 TiB.
    pub(crate) fn cover(&self, gib: u32, state: u64) -> Result {
        // SAFETY: The function takes any number.
        to_result(unsafe { rmpopt_counters_cover(u64::from(gib), state) })
    }

    /// The counters of a region. `None` where [`Counters::cover`] was never called for the region.
    pub(crate) fn of(&self, gib: u32) -> Option<&RegionCounters> {
        // SAFETY: The function takes any number. Counters stay until `self` is dropped, and all their fields
        // may be used from any CPU at any time.
        unsafe { rmpopt_counters_of(u64::from(gib)).as_ref() }
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: Nobody has a reference to counters any more. Registered probes, which have pointers to counters,
        // keep the owner of `self` alive.
        unsafe { rmpopt_counters_free() };
    }
}

/// The receiver of kicks.
pub(crate) trait Kick: Send + Sync + 'static {
    /// The counters that the probes write, which live as long as `self`.
    fn counters(&self) -> &Counters;

    /// A region may have become free. Called in an interrupt, or in any context in which the kernel converts pages:
    /// must neither sleep nor lock. Called once; [`reset_kick`] allows the next call.
    fn kick(&self);
}

/// The kind of probes that count conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The kernel's functions call the module directly.
    Direct,
    /// Fprobes, which cost more.
    Fprobe,
}

/// Probes on rmp_make_private, rmp_make_shared and psmash, which count from their registration on.
/// Dropping the value removes them.
///
/// Registering them fails with the kernel's error: ENOENT where the kernel lacks these functions, EPERM under
/// lockdown, EOPNOTSUPP or ENODEV where the kernel lacks ftrace or fprobes; ENOMEM.
pub(crate) type Probes<T> = Registration<RmpFunctions, T>;

/// The probes of `probe/`.
pub(crate) struct RmpFunctions;

// SAFETY: Handlers make the calls. They run from the registration of the first probe until unregistering has
// waited for all of them. The counters that they write live as long, because the target owns them.
unsafe impl<T: Kick> Facility<T> for RmpFunctions {
    const REGISTER: unsafe extern "C" fn(Callback, *mut ffi::c_void) -> ffi::c_int =
        rmpopt_probe_register;
    const UNREGISTER: unsafe extern "C" fn() = rmpopt_probe_unregister;

    fn taken() -> &'static Atomic<bool> {
        static TAKEN: Atomic<bool> = Atomic::new(false);
        &TAKEN
    }

    fn require(target: &T) {
        let _: &Counters = target.counters();
    }

    /// Called in the context of a conversion or in an interrupt.
    fn call(target: &T) {
        target.kick();
    }
}

/// The kind of probes that count conversions now. It changes when somebody else attaches to the functions. `None`
/// while no probes are active.
pub(crate) fn kind() -> Option<Kind> {
    // SAFETY: Reads a number.
    match unsafe { rmpopt_probe_kind() } {
        RMPOPT_PROBE_DIRECT => Some(Kind::Direct),
        RMPOPT_PROBE_FPROBE => Some(Kind::Fprobe),
        _ => None,
    }
}

/// The number of calls that the probes have missed so far.
pub(crate) fn missed() -> u64 {
    // SAFETY: Reads counters.
    u64::try_from(unsafe { rmpopt_probe_missed() }).unwrap_or(u64::MAX)
}

/// Whether there was a kick since the last reset.
pub(crate) fn kicked() -> bool {
    // SAFETY: Reads a flag.
    unsafe { rmpopt_kicked() }
}

/// Allows the next kick. The caller must read all counters afterwards.
pub(crate) fn reset_kick() {
    // SAFETY: Writes a flag.
    unsafe { rmpopt_kick_reset() };
}

/// The time in milliseconds since an arbitrary moment, on the clock of [`RegionCounters::last`]. Its resolution is
/// the kernel's tick.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: Reads the tick counter.
    unsafe { rmpopt_now_ms() }
}
