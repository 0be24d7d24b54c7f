// SPDX-License-Identifier: GPL-2.0

//! Probes on the kernel's RMP functions, and the lines in which they count. The handlers are in
//! `probe.c`.

use core::ffi::c_void;
use kernel::{
    error::to_result,
    ffi,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    },
};

extern "C" {
    fn rmpopt_lines_cover(gib: u64, state: u64) -> ffi::c_int;
    fn rmpopt_line(gib: u64) -> *const Line;
    fn rmpopt_lines_free();
    fn rmpopt_probe_register(
        ring: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
    ) -> ffi::c_int;
    fn rmpopt_probe_unregister();
    fn rmpopt_probe_missed() -> ffi::c_ulong;
    fn rmpopt_bell_rung() -> bool;
    fn rmpopt_bell_reset();
    fn rmpopt_now_ms() -> u64;
}

const RMPOPT_PROBE_DIRECT: ffi::c_int = 1;
const RMPOPT_PROBE_FPROBE: ffi::c_int = 2;

/// What is known of one region, in a cache line of its own. The meaning of the fields is that of
/// `engine/dirt/`.
#[repr(C, align(64))]
pub(crate) struct Line {
    /// Changed by every conversion: see `engine/tracker.rs`.
    pub(crate) state: Atomic<u64>,
    /// When the last conversion ended, in milliseconds. Set by conversions.
    pub(crate) last: Atomic<u64>,
    /// 1 while the region is optimised. Cleared by the conversion that loses it.
    pub(crate) optimised: Atomic<u32>,
    /// The conversions that the thread has dealt with.
    pub(crate) seen: Atomic<u32>,
    /// `state` before the attempt that is under way.
    pub(crate) before: Atomic<u64>,
    /// When it was last attempted, in milliseconds.
    pub(crate) attempt: Atomic<u64>,
    /// What came of that.
    pub(crate) result: Atomic<u32>,
    /// What the last census found: pages of the firmware's.
    pub(crate) firmware: Atomic<u32>,
}

/// Whether a [`Lines`] exists.
static TAKEN: Atomic<bool> = Atomic::new(false);

/// All lines. There is one value at a time.
pub(crate) struct Lines(());

impl Lines {
    /// No lines yet.
    ///
    /// # Errors
    ///
    /// EBUSY where there is another value.
    pub(crate) fn new() -> Result<Self> {
        if TAKEN.xchg(true, Full) {
            return Err(EBUSY);
        }
        Ok(Self(()))
    }

    /// Sees to it that there is a line for this region; a new one gets this state. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; EFBIG for a region above 64 TiB.
    pub(crate) fn cover(&self, gib: u32, state: u64) -> Result {
        // SAFETY: May be called with any number.
        to_result(unsafe { rmpopt_lines_cover(u64::from(gib), state) })
    }

    /// The line of a region that was once covered.
    pub(crate) fn line(&self, gib: u32) -> Option<&Line> {
        // SAFETY: May be called with any number. Lines stay until `self` is dropped, and all their
        // fields may be used from anywhere at any time.
        unsafe { rmpopt_line(u64::from(gib)).as_ref() }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // SAFETY: Nobody has a reference to a line any more. Probes, which have pointers, keep the
        // owner of `self` alive.
        unsafe { rmpopt_lines_free() };
        TAKEN.store(false, kernel::sync::atomic::Release);
    }
}

/// Who is told of regions that may have become free.
pub(crate) trait Ring: Send + Sync + 'static {
    /// The lines that the probes write, which stay for as long as `self`.
    fn lines(&self) -> &Lines;

    /// A region may have become free. In thread context, may sleep. Once until [`reset_bell`].
    fn ring(&self);
}

/// How conversions are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By direct calls from the functions.
    Direct,
    /// By fprobes, which cost more.
    Fprobe,
}

/// Probes on rmp_make_private, rmp_make_shared and psmash. Dropping it removes them.
pub(crate) struct Probes<T: Ring> {
    _target: Arc<T>,
    kind: Kind,
}

impl<T: Ring> Probes<T> {
    /// Begins to count. May sleep.
    ///
    /// # Errors
    ///
    /// What the kernel says where it cannot: ENOENT without these functions, EPERM under lockdown,
    /// EOPNOTSUPP or ENODEV without the machinery; ENOMEM.
    pub(crate) fn register(target: Arc<T>) -> Result<Self> {
        let data = Arc::as_ptr(&target).cast_mut().cast();
        let _lines = target.lines();
        // SAFETY: `target` is kept until the probes are gone, and with it the lines, which it has lent.
        let kind = match unsafe { rmpopt_probe_register(Self::ring, data) } {
            RMPOPT_PROBE_DIRECT => Kind::Direct,
            RMPOPT_PROBE_FPROBE => Kind::Fprobe,
            err => return Err(Error::from_errno(err)),
        };
        Ok(Self {
            _target: target,
            kind,
        })
    }

    /// How conversions are seen.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Called in thread context, by work that is cancelled before the target goes away.
    ///
    /// # Safety
    ///
    /// `data` is a `T`.
    unsafe extern "C" fn ring(data: *mut c_void) {
        // SAFETY: By the contract above.
        unsafe { &*data.cast::<T>() }.ring();
    }
}

impl<T: Ring> Drop for Probes<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `register`.
        unsafe { rmpopt_probe_unregister() };
    }
}

/// Calls that the probes missed so far.
pub(crate) fn missed() -> u64 {
    // SAFETY: Reads counters.
    u64::try_from(unsafe { rmpopt_probe_missed() }).unwrap_or(u64::MAX)
}

/// Whether the bell has been rung since it was reset.
pub(crate) fn rung() -> bool {
    // SAFETY: Reads a flag.
    unsafe { rmpopt_bell_rung() }
}

/// Lets the bell ring again. The caller looks at all lines afterwards.
pub(crate) fn reset_bell() {
    // SAFETY: Writes a flag.
    unsafe { rmpopt_bell_reset() };
}

/// Milliseconds, from an origin that means nothing: the clock of [`Line::last`], as fine as the kernel's tick.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: Reads the tick counter.
    unsafe { rmpopt_now_ms() }
}
