// SPDX-License-Identifier: GPL-2.0

//! The same function on many CPUs at once, in thread context: no interrupt broadcast.

use super::{
    cpu::{
        sleep_us,
        Cpu,
        HotplugLock, //
    },
    shim,
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    container_of,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
    types::Opaque, //
};

/// A workqueue whose work runs on the CPU that it was queued for.
///
/// # Invariants
///
/// `wq` is a workqueue that this value owns.
pub(crate) struct Workqueue {
    wq: NonNull<bindings::workqueue_struct>,
}

// SAFETY: Workqueues may be used from any thread.
unsafe impl Send for Workqueue {}
// SAFETY: Workqueues may be used from several threads at once.
unsafe impl Sync for Workqueue {}

impl Workqueue {
    /// Makes the workqueue `rmpopt`. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No precondition.
        let wq = NonNull::new(unsafe { shim::rmpopt_workqueue() }).ok_or(ENOMEM)?;
        // INVARIANT: Just made.
        Ok(Self { wq })
    }
}

impl Drop for Workqueue {
    fn drop(&mut self) {
        // SAFETY: By the invariant; batches wait for their work, so none is pending.
        unsafe { bindings::destroy_workqueue(self.wq.as_ptr()) };
    }
}

/// What all work of one run shares. It lives on the stack of [`Batch::run`].
struct Run<'a> {
    function: &'a (dyn Fn(usize, Cpu) + Sync),
    /// Work that has not ended yet.
    left: Atomic<i32>,
    /// The work on the caller's own CPU has ended.
    own: Opaque<bindings::completion>,
}

// SAFETY: A completion may be used from several threads at once, and so may all else.
unsafe impl Sync for Run<'_> {}

impl Run<'_> {
    /// Waits until the work on the caller's own CPU has ended. In thread context.
    fn wait_own(&self) {
        // Idle, not uninterruptible: this is no load, and nobody is to take it for hung.
        // SAFETY: Initialised in `Batch::run`; may sleep. In this state no signal ends the wait.
        unsafe { bindings::wait_for_completion_state(self.own.get(), bindings::TASK_IDLE) };
    }

    /// Waits until all work has ended.
    ///
    /// The caller looks again and again, at growing intervals, by a timer of its own CPU. If the last
    /// work woke it, that would be an interrupt for the caller's core in each run, beside the one that
    /// brought the core its own work.
    fn wait(&self) {
        let mut interval = SHORTEST_WAIT;
        while self.left.load(Acquire) != 0 {
            sleep_us(interval);
            interval = interval.saturating_mul(2).min(LONGEST_WAIT);
        }
    }
}

/// The first interval at which [`Run::wait`] looks, in microseconds.
const SHORTEST_WAIT: u64 = 50;
/// The last one.
const LONGEST_WAIT: u64 = 10_000;

/// A work item. It never moves: [`Batch`] fixes it in its vector.
#[repr(C)]
struct Slot {
    work: Opaque<bindings::work_struct>,
    run: *const Run<'static>,
    index: usize,
    cpu: Option<Cpu>,
    /// It was queued for the caller's own CPU.
    own: bool,
}

/// Work items for a fixed number of CPUs.
///
/// # Invariants
///
/// The slots never move. Between calls of [`Batch::run`] no slot is queued or running.
pub(crate) struct Batch {
    slots: KVVec<Slot>,
}

// SAFETY: The raw pointers in the slots are used during `run` only.
unsafe impl Send for Batch {}

impl Batch {
    /// Bytes for each CPU of a batch.
    pub(crate) const SLOT_BYTES: usize = size_of::<Slot>();

    /// Makes a batch for at most `capacity` CPUs. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let mut slots = KVVec::with_capacity(capacity, GFP_KERNEL)?;
        for index in 0..capacity {
            slots.push(
                Slot {
                    work: Opaque::zeroed(),
                    run: ptr::null(),
                    index,
                    cpu: None,
                    own: false,
                },
                GFP_KERNEL,
            )?;
        }
        for slot in slots.iter() {
            // SAFETY: The slot is at its final place: the vector is full and never grows.
            unsafe { shim::rmpopt_work_init(slot.work.get(), work) };
        }
        // INVARIANT: Nothing moves a slot from here on, and nothing is queued.
        Ok(Self { slots })
    }

    /// Runs `function(i, cpu)` once for the i-th of `cpus`, on that CPU, all at the same time; returns
    /// when all have returned. May sleep, allocates nothing.
    ///
    /// A CPU that is offline is left out. One that goes offline meanwhile may see `function` called
    /// on another CPU: `function` has to check with [`super::cpu::OnCpu::exactly`]. CPUs beyond the
    /// capacity are left out as well. Returns how many CPUs were left out.
    pub(crate) fn run(
        &mut self,
        wq: &Workqueue,
        cpus: impl Iterator<Item = Cpu>,
        function: &(dyn Fn(usize, Cpu) + Sync),
    ) -> usize {
        let run = Run {
            function,
            left: Atomic::new(0),
            own: Opaque::uninit(),
        };
        // SAFETY: `run` stays where it is until this function returns.
        unsafe { bindings::init_completion(run.own.get()) };
        let here = Cpu::current();
        let mut own = false;
        let mut left_out = 0usize;
        let mut used = 0usize;
        let hotplug = HotplugLock::lock();
        // One loan for all: nobody has a unique reference to a slot that is queued.
        let mut slots = self.slots.iter_mut();
        for (index, cpu) in cpus.enumerate() {
            let slot = if cpu.online() { slots.next() } else { None };
            let Some(slot) = slot else {
                left_out = left_out.saturating_add(1);
                continue;
            };
            used = used.saturating_add(1);
            slot.run = (&raw const run).cast();
            slot.index = index;
            slot.cpu = Some(cpu);
            slot.own = cpu == here;
            own |= slot.own;
            run.left.fetch_add(1, Relaxed);
            // SAFETY: The slot's work was initialised in `new`, and is not queued by the invariant.
            // `cpu` is online and stays so until the lock is dropped.
            unsafe {
                bindings::queue_work_on(cpu.number() as i32, wq.wq.as_ptr(), slot.work.get())
            };
        }
        drop(hotplug);
        // Most likely the others are through by then, and it wakes the caller without an interrupt.
        if own {
            run.wait_own();
        }
        run.wait();
        for slot in self.slots.iter().take(used) {
            // The work's function may not have returned to the workqueue yet.
            // SAFETY: The work was initialised in `new`.
            unsafe { bindings::flush_work(slot.work.get()) };
        }
        // INVARIANT: All work that was queued has returned.
        left_out
    }
}

/// Called in thread context by a worker of the CPU, or of any CPU once that one has gone offline.
///
/// # Safety
///
/// `work` is that of a slot of a batch in [`Batch::run`].
unsafe extern "C" fn work(work: *mut bindings::work_struct) {
    // SAFETY: By the contract above, it is the field of a `Slot`.
    let slot = unsafe { &*container_of!(Opaque::cast_from(work), Slot, work) };
    // SAFETY: `Batch::run` waits for all its work before its `Run` goes away, and for the call of
    // `complete` too.
    let run = unsafe { &*slot.run };
    if let Some(cpu) = slot.cpu {
        (run.function)(slot.index, cpu);
    }
    run.left.fetch_sub(1, Release);
    if slot.own {
        // SAFETY: Initialised; the run waits for this before it goes away.
        unsafe { bindings::complete(run.own.get()) };
    }
}
