// SPDX-License-Identifier: GPL-2.0

//! Runs a function on many cores at the same time. The cores' threads call it; there is no interrupt broadcast.

use super::{
    core_thread::{
        Client,
        CoreThread, //
    },
    cpu::{
        Cpu,
        HotplugLock, //
    },
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    },
    time::msecs_to_jiffies,
    types::Opaque, //
};
use pin_init::stack_pin_init;

/// The state that all parts of one run share. It lives on the stack of [`Batch::carry_out`].
///
/// # Invariants
///
/// `done` is a completion that was initialised at its final address.
#[pin_data]
pub(super) struct Run<'a> {
    function: &'a (dyn Fn(Cpu) + Sync),
    /// The number of parts that have not ended yet.
    left: Atomic<i32>,
    /// Completed when all parts have ended.
    #[pin]
    done: Opaque<bindings::completion>,
}

// SAFETY: A completion may be used from several threads at once, and so may all other fields.
unsafe impl Sync for Run<'_> {}

impl<'a> Run<'a> {
    /// Creates a run with one part, which belongs to the caller and ends after all other parts were posted. So no
    /// other part can be the last one before that.
    fn new(function: &'a (dyn Fn(Cpu) + Sync)) -> impl PinInit<Self> + use<'a> {
        // INVARIANT: `ffi_init` initialises the completion at its final address.
        pin_init!(Self {
            function,
            left: Atomic::new(1),
            done <- Opaque::ffi_init(|slot| {
                // SAFETY: Room for a completion that nobody uses yet.
                unsafe { bindings::init_completion(slot) }
            }),
        })
    }

    /// Executes the part of the core of `cpu`.
    pub(super) fn call(&self, cpu: Cpu) {
        (self.function)(cpu);
    }

    /// Records that a part has ended. The last part wakes the waiting caller of [`Batch::run`], so that there is one
    /// wake-up per run. The caller of this method does not use the run afterwards.
    pub(super) fn end(&self) {
        if self.left.fetch_sub(1, Full) == 1 {
            // SAFETY: Initialised by the invariant; `Batch::wait` waits for the end of this call.
            unsafe { bindings::complete(self.done.get()) };
        }
    }
}

/// A part that was posted to a core's thread.
struct Part {
    thread: Arc<CoreThread>,
    /// The thread's runtime at the last look.
    runtime: Option<u64>,
    /// The number of looks in a row since which the thread has not run.
    stalls: u32,
    /// The thread was starved in its previous part.
    suspect: bool,
    /// The thread is counted as starved in this run.
    starved: bool,
}

impl Part {
    /// Whether the thread has run since the last call. Counts in `stalls` how often in a row it has not.
    fn runs(&mut self) -> bool {
        let runtime = self.thread.runtime();
        let runs = runtime.is_none() || runtime != self.runtime;
        self.runtime = runtime;
        self.stalls = if runs {
            0
        } else {
            self.stalls.saturating_add(1)
        };
        runs
    }
}

/// The numbers of cores that took no part in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Cores that are offline, or for whose thread there was no memory.
    pub(crate) left_out: usize,
    /// Cores whose thread did not get to run, because another task does not let go of the CPU.
    pub(crate) starved: usize,
}

impl Missing {
    /// Whether there are such cores.
    pub(crate) fn any(self) -> bool {
        self.left_out != 0 || self.starved != 0
    }
}

/// How often [`Batch::wait`] looks whether the threads have run, in milliseconds.
const LOOK_MS: u32 = 1000;

/// The number of looks in a row after which a thread that has not run is left out, if it was starved in its previous
/// part.
const SUSPECT: u32 = 2;

/// A list of parts for a fixed number of cores.
///
/// # Invariants
///
/// Between calls of [`Batch::run`] no thread has a part of this batch.
pub(crate) struct Batch {
    client: Client,
    parts: KVVec<Part>,
}

impl Batch {
    /// Creates a batch for at most `capacity` cores. Each client runs one batch at a time. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(client: Client, capacity: usize) -> Result<Self> {
        Ok(Self {
            client,
            parts: KVVec::with_capacity(capacity, GFP_KERNEL)?,
        })
    }

    /// Has the thread of each of `cores` call `function(cpu)` once on that CPU, all at the same time; returns when
    /// all calls have returned. May sleep. Allocates only the threads of cores that have none yet.
    ///
    /// A CPU that is offline is left out. Where a CPU goes offline meanwhile or its thread does not get to run,
    /// the thread may call `function` on another CPU: `function` must check with [`super::cpu::OnCpu::exactly`].
    /// `patience` returns for how many seconds other tasks may keep a thread from running before its core is left
    /// out. It is called again at each look.
    pub(crate) fn run<'a>(
        &mut self,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone,
        patience: impl Fn() -> u32,
        function: &(dyn Fn(Cpu) + Sync),
    ) -> Missing {
        self.carry_out(None, cores, patience, function)
    }

    /// As [`Batch::run`], for a caller that holds the hotplug lock.
    pub(crate) fn run_locked<'a>(
        &mut self,
        hotplug: &HotplugLock,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone,
        patience: impl Fn() -> u32,
        function: &(dyn Fn(Cpu) + Sync),
    ) -> Missing {
        self.carry_out(Some(hotplug), cores, patience, function)
    }

    /// Carries a run out. Takes the hotplug lock where the caller does not hold it, until all parts are posted.
    fn carry_out<'a>(
        &mut self,
        held: Option<&HotplugLock>,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone,
        patience: impl Fn() -> u32,
        function: &(dyn Fn(Cpu) + Sync),
    ) -> Missing {
        stack_pin_init!(let run = Run::new(function));
        make_threads(cores.clone());
        let taken = held.is_none().then(HotplugLock::lock);
        // SAFETY: `run` lives to the end of this function, and `wait` returns when all parts have ended.
        let left_out = unsafe { self.post(&run, cores) };
        drop(taken);
        let starved = self.wait(&run, patience);
        Missing { left_out, starved }
    }

    /// Posts the parts to the threads, under the hotplug lock. Returns the number of cores that were left out.
    ///
    /// # Safety
    ///
    /// `run` lives until [`Self::wait`] has returned for it.
    unsafe fn post<'a>(
        &mut self,
        run: &Run<'_>,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)>,
    ) -> usize {
        let shared: *const Run<'_> = run;
        let mut left_out = 0usize;
        for (thread, cpu) in cores {
            run.left.fetch_add(1, Relaxed);
            let room = self.parts.len() < self.parts.capacity() && cpu.online();
            // SAFETY: The thread has no part of this client, by the invariant. `run` lives until all parts have
            // ended, by the contract above.
            let posted = room && unsafe { thread.post(self.client, cpu, shared.cast_mut().cast()) };
            if !posted {
                left_out = left_out.saturating_add(1);
                run.end();
                continue;
            }
            let part = Part {
                thread: thread.clone(),
                runtime: thread.runtime(),
                stalls: 0,
                suspect: thread.starved(),
                starved: false,
            };
            // The push stays within the capacity, so it neither allocates nor fails.
            let _ = self.parts.push(part, GFP_KERNEL);
        }
        left_out
    }

    /// Waits until all parts have ended. Returns the number of cores whose thread did not get to run.
    fn wait(&mut self, run: &Run<'_>, patience: impl Fn() -> u32) -> usize {
        let mut starved = 0usize;
        // Ends the part that belongs to the caller.
        run.end();
        // SAFETY: Initialised by the invariant of `Run`.
        while unsafe {
            bindings::wait_for_completion_timeout(run.done.get(), msecs_to_jiffies(LOOK_MS))
        } == 0
        {
            let patience = patience();
            for part in self.parts.iter_mut() {
                // A thread that was starved in its previous part gets less time.
                let patience = if part.suspect {
                    patience.min(SUSPECT)
                } else {
                    patience
                };
                if !part.thread.busy(self.client) || part.runs() || part.stalls < patience {
                    continue;
                }
                part.thread.set_starved();
                if !part.starved {
                    part.starved = true;
                    starved = starved.saturating_add(1);
                }
                let withdrawn = part.thread.withdraw(self.client);
                if withdrawn {
                    run.end();
                }
                // The thread is moved to another CPU even where no client waits for it any more: it is ready to
                // run and never runs, and synchronize_rcu_tasks() would wait for it.
                if !withdrawn || part.thread.idle() {
                    part.thread.call_away();
                }
            }
        }
        // INVARIANT: No thread has a part any more.
        self.parts.clear();
        starved
    }
}

/// Creates a thread for each core that has none. After a failure no further thread is created; `post` leaves out the
/// cores without a thread.
fn make_threads<'a>(cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)>) {
    for (thread, cpu) in cores {
        if let Err(e) = thread.make(cpu) {
            pr_warn!(
                "CPU {}: no thread for its core, which is left out ({})\n",
                cpu.number(),
                e.to_errno()
            );
            break;
        }
    }
}
