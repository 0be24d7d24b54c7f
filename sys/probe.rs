// SPDX-License-Identifier: GPL-2.0

//! Probes on the kernel's RMP functions, and the counters of regions that they write. What runs in
//! these functions is in `probe/`.

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

/// What is known of one region, in a cache line of its own. The meaning of the fields is that of
/// `engine/dirt/`. `struct rmpopt_region_counters` in `probe/probe.h` is the same memory.
#[repr(C, align(64))]
pub(crate) struct RegionCounters {
    /// Changed by every conversion: see `engine/tracker.rs`.
    pub(crate) state: Atomic<u64>,
    /// When the last conversion ended, in milliseconds. Set by conversions.
    pub(crate) last: Atomic<u64>,
    /// 1 while the region is optimised. Cleared by the conversion that loses it.
    pub(crate) optimised: Atomic<u32>,
    /// Used by the probes alone.
    _unsure: Atomic<u32>,
    /// `state` before the attempt that is under way.
    pub(crate) before: Atomic<u64>,
    /// When it was last attempted, in milliseconds.
    pub(crate) attempt: Atomic<u64>,
    /// The conversions that the thread has dealt with.
    pub(crate) seen: Atomic<u32>,
    /// What came of the last attempt.
    pub(crate) result: Atomic<u32>,
    /// 1 from the attempt on that a conversion has led to, until that brings a result: then its delay
    /// counts.
    pub(crate) awaited: Atomic<u32>,
}

/// Does not compile where the fields are not where `probe/probe.h` says.
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

/// The counters of all regions. There is one value at a time.
pub(crate) struct Counters {
    _single: Single,
}

impl Counters {
    /// No counters yet.
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

    /// Makes counters for this region where there are none; new ones get this state. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; EFBIG for a region above 64 TiB.
    pub(crate) fn cover(&self, gib: u32, state: u64) -> Result {
        // SAFETY: May be called with any number.
        to_result(unsafe { rmpopt_counters_cover(u64::from(gib), state) })
    }

    /// The counters of a region that was once covered.
    pub(crate) fn of(&self, gib: u32) -> Option<&RegionCounters> {
        // SAFETY: May be called with any number. Counters stay until `self` is dropped, and all
        // their fields may be used from anywhere at any time.
        unsafe { rmpopt_counters_of(u64::from(gib)).as_ref() }
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: Nobody has a reference to counters any more. Probes, which have pointers, keep the
        // owner of `self` alive.
        unsafe { rmpopt_counters_free() };
    }
}

/// Who is told of regions that may have become free.
pub(crate) trait Kick: Send + Sync + 'static {
    /// The counters that the probes write, which stay for as long as `self`.
    fn counters(&self) -> &Counters;

    /// A region may have become free. In whatever context the kernel converts a page: must neither sleep
    /// nor lock. Once until [`reset_kick`].
    fn kick(&self);
}

/// How conversions are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By direct calls from the functions.
    Direct,
    /// By fprobes, which cost more.
    Fprobe,
}

/// Probes on rmp_make_private, rmp_make_shared and psmash, which count from their registration on.
/// Dropping it removes them.
///
/// Registering them fails with what the kernel says where it cannot: ENOENT without these functions,
/// EPERM under lockdown, EOPNOTSUPP or ENODEV without the machinery; ENOMEM.
pub(crate) type Probes<T> = Registration<RmpFunctions, T>;

/// The probes of `probe/`.
pub(crate) struct RmpFunctions;

// SAFETY: Handlers make the calls, and run from the registration of the first probe until unregistering
// has waited for all of them. The counters that they write stay as long: the target owns them.
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

    /// In the context of a conversion.
    fn call(target: &T) {
        target.kick();
    }
}

/// How conversions are seen at this moment. It changes when others attach to the functions. `None`
/// while they are not seen.
pub(crate) fn kind() -> Option<Kind> {
    // SAFETY: Reads a number.
    match unsafe { rmpopt_probe_kind() } {
        RMPOPT_PROBE_DIRECT => Some(Kind::Direct),
        RMPOPT_PROBE_FPROBE => Some(Kind::Fprobe),
        _ => None,
    }
}

/// Calls that the probes missed so far.
pub(crate) fn missed() -> u64 {
    // SAFETY: Reads counters.
    u64::try_from(unsafe { rmpopt_probe_missed() }).unwrap_or(u64::MAX)
}

/// Whether there was a kick since the last reset.
pub(crate) fn kicked() -> bool {
    // SAFETY: Reads a flag.
    unsafe { rmpopt_kicked() }
}

/// Allows the next kick. The caller looks at all counters afterwards.
pub(crate) fn reset_kick() {
    // SAFETY: Writes a flag.
    unsafe { rmpopt_kick_reset() };
}

/// Milliseconds from some moment on: the clock of [`RegionCounters::last`], as fine as the kernel's
/// tick.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: Reads the tick counter.
    unsafe { rmpopt_now_ms() }
}
