// SPDX-License-Identifier: GPL-2.0

//! The same function on many cores at once, by their threads: no interrupt broadcast.

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

/// What all parts of one run share. It lives on the stack of [`Batch::run`].
///
/// # Invariants
///
/// `done` is a completion that was initialised in its place.
#[pin_data]
pub(super) struct Run<'a> {
    function: &'a (dyn Fn(Cpu) + Sync),
    /// Parts that have not ended yet.
    left: Atomic<i32>,
    /// All parts have ended.
    #[pin]
    done: Opaque<bindings::completion>,
}

// SAFETY: A completion may be used from several threads at once, and so may all else.
unsafe impl Sync for Run<'_> {}

impl<'a> Run<'a> {
    /// One part has not ended, the caller's own: no other part is the last one before all are given out.
    fn new(function: &'a (dyn Fn(Cpu) + Sync)) -> impl PinInit<Self> + use<'a> {
        // INVARIANT: `ffi_init` initialises it where it stays.
        pin_init!(Self {
            function,
            left: Atomic::new(1),
            done <- Opaque::ffi_init(|slot| {
                // SAFETY: Room for a completion that nobody uses yet.
                unsafe { bindings::init_completion(slot) }
            }),
        })
    }

    /// Does a core's part.
    pub(super) fn call(&self, cpu: Cpu) {
        (self.function)(cpu);
    }

    /// A part has ended. The last one to do so wakes who waits: one wake-up for each run. The caller
    /// does not use the run afterwards.
    pub(super) fn end(&self) {
        if self.left.fetch_sub(1, Full) == 1 {
            // SAFETY: Initialised by the invariant; `Batch::wait` waits for the end of this call.
            unsafe { bindings::complete(self.done.get()) };
        }
    }
}

/// A part that was given to a core's thread.
struct Part {
    thread: Arc<CoreThread>,
    /// What the thread's runtime was when last looked at.
    runtime: Option<u64>,
    /// How often in a row it was found not to have run.
    stalls: u32,
    /// It was starved when it got its last part.
    suspect: bool,
    /// It is counted as starved.
    starved: bool,
}

impl Part {
    /// Whether the thread has run since this was last asked. Counts how often it has not.
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

/// How many cores took no part in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// They are offline, or there was no memory for their thread.
    pub(crate) left_out: usize,
    /// Their thread was not run: something else has the CPU, and does not share it.
    pub(crate) starved: usize,
}

impl Missing {
    /// Whether there are such cores.
    pub(crate) fn any(self) -> bool {
        self.left_out != 0 || self.starved != 0
    }
}

/// How often it is looked whether a thread has run, in milliseconds.
const LOOK_MS: u32 = 1000;

/// How often in a row a thread may be found not to have run, if it was left out the last time.
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
    /// Makes a batch for at most `capacity` cores. Of each client one batch is under way at a time. May
    /// sleep.
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

    /// Has the thread of each of `cores` run `function(cpu)` once on that CPU, all at the same time;
    /// returns when all have returned. May sleep. Allocates nothing but the threads of cores that never
    /// did anything before.
    ///
    /// A CPU that is offline is left out. One that goes offline meanwhile, or on which the thread is not
    /// run, may see `function` called on another CPU: `function` has to check with
    /// [`super::cpu::OnCpu::exactly`]. `patience` says how many seconds in a row a thread may be kept from
    /// running before its core is left out; it is asked again each time.
    pub(crate) fn run<'a>(
        &mut self,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone,
        patience: impl Fn() -> u32,
        function: &(dyn Fn(Cpu) + Sync),
    ) -> Missing {
        self.carry_out(None, cores, patience, function)
    }

    /// The same, while CPUs are kept from coming and going.
    pub(crate) fn run_locked<'a>(
        &mut self,
        hotplug: &HotplugLock,
        cores: impl Iterator<Item = (&'a Arc<CoreThread>, Cpu)> + Clone,
        patience: impl Fn() -> u32,
        function: &(dyn Fn(Cpu) + Sync),
    ) -> Missing {
        self.carry_out(Some(hotplug), cores, patience, function)
    }

    /// Takes the hotplug lock where the caller does not hold it, until all parts are given out.
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

    /// Gives the threads their parts, under the hotplug lock. Returns how many cores were left out.
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
            // SAFETY: No part of this client's is with the thread, by the invariant. `run` lives until
            // all parts have ended, by the contract above.
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
            // Within the capacity, so that nothing is allocated and nothing fails.
            let _ = self.parts.push(part, GFP_KERNEL);
        }
        left_out
    }

    /// Waits until all parts have ended. Returns the number of cores whose thread was not run.
    fn wait(&mut self, run: &Run<'_>, patience: impl Fn() -> u32) -> usize {
        let mut starved = 0usize;
        // The caller's own.
        run.end();
        // SAFETY: Initialised by the invariant of `Run`.
        while unsafe {
            bindings::wait_for_completion_timeout(run.done.get(), msecs_to_jiffies(LOOK_MS))
        } == 0
        {
            let patience = patience();
            for part in self.parts.iter_mut() {
                // A thread that has starved before is not waited for as long again.
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
                // Also where it has nothing left to do: synchronize_rcu_tasks() waits for a thread that is
                // ready to run and never runs.
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

/// Sees to it that each core has a thread. Those for which there is no memory are left out later.
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
