// SPDX-License-Identifier: GPL-2.0

//! One kernel thread per core. The thread sleeps until a client posts work for the core.
//!
//! The module does not use a workqueue, because a worker has the priority of its pool: modules can neither change
//! that priority nor create pools of a lower one. The thread is created when its core first gets work, so that a
//! core that is left alone has no thread. A thread costs its stack and its `task_struct`, about 30 KiB: 15 MiB on
//! a host with 512 cores.
//!
//! The thread runs under SCHED_IDLE. All other tasks of the CPU run first, and when the scheduler looks for a CPU
//! for another task, it takes a CPU that only runs such threads to be idle.

use super::{
    batch::Run,
    cpu::Cpu,
    kthread::Kick,
    shim, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc, //
    },
};

/// The clients that post work to cores. Each client runs one [`super::batch::Batch`] at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// The thread `rmpopt`, for passes and checks.
    Pass,
    /// A reader of a status file.
    Status,
}

/// The work that a client has posted to a core.
struct Job {
    /// The run to which the job belongs, until the thread takes it. Null while there is none.
    run: Atomic<*mut Run<'static>>,
    /// The CPU for which the job is meant.
    cpu: Atomic<u32>,
    /// There is a job, and it has not ended.
    busy: Atomic<bool>,
}

impl Job {
    const fn none() -> Self {
        Self {
            run: Atomic::new(ptr::null_mut()),
            cpu: Atomic::new(0),
            busy: Atomic::new(false),
        }
    }
}

/// The thread of a core. Dropping the value ends the thread and waits for its end.
pub(crate) struct CoreThread {
    kick: Kick,
    /// The thread must end.
    ending: Atomic<bool>,
    /// The thread was called away from its CPU since it last got a job.
    called_away: Atomic<bool>,
    /// The thread did not get to run for its last job.
    starved: Atomic<bool>,
    pass: Job,
    status: Job,
}

impl CoreThread {
    /// A value without a thread, for a core that has had no work yet.
    pub(crate) const fn new() -> Self {
        Self {
            kick: Kick::new(),
            ending: Atomic::new(false),
            called_away: Atomic::new(false),
            starved: Atomic::new(false),
            pass: Job::none(),
            status: Job::none(),
        }
    }

    fn job(&self, client: Client) -> &Job {
        match client {
            Client::Pass => &self.pass,
            Client::Status => &self.status,
        }
    }

    /// Whether there is a thread.
    fn exists(&self) -> bool {
        self.kick.task().is_some()
    }

    /// Creates the thread, unless there is one. The thread does not run before its first job. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM, or EINTR where the caller is being killed.
    pub(super) fn make(self: &Arc<Self>, cpu: Cpu) -> Result {
        if self.exists() {
            return Ok(());
        }
        let data = Arc::as_ptr(self).cast_mut().cast();
        let node = i32::try_from(cpu.node()).unwrap_or(bindings::NUMA_NO_NODE);
        // SAFETY: `main` gets a `CoreThread` that ends the thread before it is dropped; the format takes one
        // number.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Self::main),
                data,
                node,
                c"rmpopt/%u".as_char_ptr(),
                cpu.number(),
            )
        })?;
        // Bound, so that neither user space nor the kernel's handling of kthreads moves the thread.
        // SAFETY: The task was just created and has not run yet. `attach` takes the reference over.
        let first = unsafe {
            bindings::kthread_bind(task, cpu.number());
            shim::rmpopt_make_idle(task);
            bindings::get_task_struct(task);
            self.kick.attach(task)
        };
        if !first {
            // Another client has created the thread in the meantime.
            // SAFETY: The task has not run and will not; the kernel keeps it until kthread_stop() has seen its
            // end.
            unsafe {
                shim::rmpopt_move_away(task);
                bindings::kthread_stop(task);
            }
        }
        Ok(())
    }

    /// Posts a part of `run` to the thread, to be executed on `cpu`, which is and stays online during the call.
    /// Returns whether the part was posted; it is not where there is no thread.
    ///
    /// # Safety
    ///
    /// The thread has no part of a run of `client`. `run` lives until the part has ended, that is until
    /// [`Run::end`] was called for it, by the thread, or by the caller after [`Self::withdraw`].
    // Not inlined, because tests trace this function: each call posts one part to one core.
    #[inline(never)]
    pub(super) unsafe fn post(&self, client: Client, cpu: Cpu, run: *mut Run<'static>) -> bool {
        let Some(task) = self.kick.task() else {
            return false;
        };
        let job = self.job(client);
        self.called_away.store(false, Relaxed);
        // The thread may be on another CPU: it was called away, the kernel moved it when its CPU went offline, or
        // another thread of the core was the representative.
        // SAFETY: The task is valid by the invariant of `Kick`.
        if unsafe { shim::rmpopt_move_to(task.as_ptr(), cpu.number()) } != 0 {
            return false;
        }
        job.cpu.store(cpu.number(), Relaxed);
        job.busy.store(true, Relaxed);
        job.run.store(run, Release);
        self.kick.kick();
        true
    }

    /// Whether `client` has posted a part to the thread that has not ended.
    pub(super) fn busy(&self, client: Client) -> bool {
        self.job(client).busy.load(Acquire)
    }

    /// Whether the thread did not get to run for its last job.
    pub(super) fn starved(&self) -> bool {
        self.starved.load(Relaxed)
    }

    /// Records that the thread does not get to run. The record is cleared when the thread ends a part on its CPU.
    pub(super) fn set_starved(&self) {
        self.starved.store(true, Relaxed);
    }

    /// Whether the thread has no part that has not ended.
    pub(super) fn idle(&self) -> bool {
        !self.busy(Client::Pass) && !self.busy(Client::Status)
    }

    /// Takes back the part that `client` has posted, if the thread has not begun it. Returns whether it did.
    pub(super) fn withdraw(&self, client: Client) -> bool {
        let job = self.job(client);
        let withdrawn = !job.run.xchg(ptr::null_mut(), Full).is_null();
        if withdrawn {
            job.busy.store(false, Release);
        }
        withdrawn
    }

    /// Calls the thread away from its CPU, on which it does not get to run, to another CPU. Its part then ends
    /// soon, because [`super::cpu::OnCpu::exactly`] finds that the thread runs elsewhere. May sleep.
    pub(super) fn call_away(&self) {
        if let Some(task) = self.kick.task() {
            self.called_away.store(true, Relaxed);
            // SAFETY: The task is valid by the invariant of `Kick`.
            unsafe { shim::rmpopt_move_away(task.as_ptr()) };
        }
    }

    /// Whether the thread was called away from its CPU since it got its last part.
    pub(crate) fn called_away(&self) -> bool {
        self.called_away.load(Relaxed)
    }

    /// A number that changes when the thread has run. `None` while the thread runs.
    pub(super) fn runtime(&self) -> Option<u64> {
        let task = self.kick.task()?.as_ptr();
        // SAFETY: The task is valid by the invariant of `Kick`; both only read.
        unsafe { (!shim::rmpopt_task_runs(task)).then(|| shim::rmpopt_task_runtime(task)) }
    }

    /// The thread's function.
    ///
    /// # Safety
    ///
    /// `data` is a `CoreThread` that outlives the thread.
    unsafe extern "C" fn main(data: *mut ffi::c_void) -> ffi::c_int {
        // SAFETY: By the contract above.
        let thread = unsafe { &*data.cast::<Self>() };
        while !thread.ending.load(Acquire) {
            if thread.kick.wait(None) {
                thread.serve(Client::Pass);
                thread.serve(Client::Status);
            }
        }
        0
    }

    fn serve(&self, client: Client) {
        let job = self.job(client);
        let run = NonNull::new(job.run.xchg(ptr::null_mut(), Full));
        if let Some(run) = run {
            // SAFETY: By the contract of `post` the run lives until `end` was called.
            let run = unsafe { run.as_ref() };
            if let Some(cpu) = Cpu::new(job.cpu.load(Relaxed)) {
                run.call(cpu);
            }
            if !self.called_away() {
                self.starved.store(false, Relaxed);
            }
            job.busy.store(false, Release);
            run.end();
        }
    }
}

impl Drop for CoreThread {
    fn drop(&mut self) {
        let Some(task) = self.kick.task() else {
            return;
        };
        self.ending.store(true, Release);
        // The thread ends on another CPU: its own may be isolated, or a task on it may never let go of it.
        // SAFETY: The task is valid by the invariant of `Kick`, and nobody uses it afterwards. Whether it has
        // ever run does not matter: it owns nothing.
        unsafe {
            shim::rmpopt_move_away(task.as_ptr());
            bindings::kthread_stop(task.as_ptr());
        }
    }
}

/// Lets the other tasks of the CPU that are ready run first. May sleep. For the threads of cores only: other threads
/// leave that to the scheduler.
///
/// Lazy preemption makes the call necessary: with it, a task that becomes ready waits for the next tick even where a
/// SCHED_IDLE task runs.
pub(crate) fn give_way() {
    // SAFETY: The only condition is the context.
    unsafe { bindings::schedule() };
}
