// SPDX-License-Identifier: GPL-2.0

//! A thread of our own for each core, which sleeps until the core has something to do.
//!
//! A thread, and no work in a workqueue: a worker of the kernel's has the priority of its pool, which is
//! not ours to change, and pools of a lower priority cannot be had by modules. It is made when its core
//! is first asked for anything, so that a core that is left alone has none. It costs its stack and its
//! `task_struct`, some 30 KiB: 15 MiB on a host with 512 cores.
//!
//! The thread runs under SCHED_IDLE. Everything else on the CPU goes first, and the scheduler takes a
//! CPU on which only such threads run for idle when it looks for a place for others.

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

/// Who has something done by cores. Each has one [`super::batch::Batch`] under way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// The thread that decides.
    Pass,
    /// Somebody who reads a status file.
    Status,
}

/// What a client wants of a core.
struct Job {
    /// The batch that it is part of, until the thread takes it up. Null while there is none.
    run: Atomic<*mut Run<'static>>,
    /// The CPU that it is for.
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

/// The thread of a core. Dropping it ends the thread and waits for that.
pub(crate) struct CoreThread {
    kick: Kick,
    /// The thread shall end.
    ending: Atomic<bool>,
    /// It was called away from its CPU since it was last given something to do.
    called_away: Atomic<bool>,
    /// It was not run when it was last given something to do.
    starved: Atomic<bool>,
    pass: Job,
    status: Job,
}

impl CoreThread {
    /// For a core that has nothing to do yet: without a thread.
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

    /// Makes the thread, unless there is one. It does not run before it is given something to do. May
    /// sleep.
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
        // SAFETY: `main` gets a `CoreThread` that ends the thread before it goes away; the format takes
        // one number.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Self::main),
                data,
                node,
                c"rmpopt/%u".as_char_ptr(),
                cpu.number(),
            )
        })?;
        // Bound, so that neither user space nor the kernel's own care for kthreads moves it.
        // SAFETY: The task was just made and has not run yet. `attach` takes the reference over.
        let first = unsafe {
            bindings::kthread_bind(task, cpu.number());
            shim::rmpopt_make_idle(task);
            bindings::get_task_struct(task);
            self.kick.attach(task)
        };
        if !first {
            // Another client was faster.
            // SAFETY: The task has not run and will not; the kernel keeps it until its end is reported.
            unsafe {
                shim::rmpopt_move_away(task);
                bindings::kthread_stop(task);
            }
        }
        Ok(())
    }

    /// Gives the thread a part of `run` to do on `cpu`, which is online and stays so meanwhile. Tells
    /// whether it could be done; it cannot without a thread.
    ///
    /// # Safety
    ///
    /// No part of a run of `client` is with this thread. `run` lives until the part has ended: until
    /// [`Run::end`] was called for it, by the thread, or by the caller after [`Self::withdraw`].
    // Not inlined, because tests trace this function: each call gives a core work.
    #[inline(never)]
    pub(super) unsafe fn post(&self, client: Client, cpu: Cpu, run: *mut Run<'static>) -> bool {
        let Some(task) = self.kick.task() else {
            return false;
        };
        let job = self.job(client);
        self.called_away.store(false, Relaxed);
        // The thread may be elsewhere: called away, pushed away when its CPU went offline, or on a sibling.
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

    /// Whether the part that `client` has given it has not ended.
    pub(super) fn busy(&self, client: Client) -> bool {
        self.job(client).busy.load(Acquire)
    }

    /// Whether it was not run when it was last given something to do.
    pub(super) fn starved(&self) -> bool {
        self.starved.load(Relaxed)
    }

    /// Notes that the thread is not run, until it ends a part again.
    pub(super) fn set_starved(&self) {
        self.starved.store(true, Relaxed);
    }

    /// Whether nobody has given it anything that has not ended.
    pub(super) fn idle(&self) -> bool {
        !self.busy(Client::Pass) && !self.busy(Client::Status)
    }

    /// Takes back what `client` has given it, if the thread has not begun with that.
    pub(super) fn withdraw(&self, client: Client) -> bool {
        let job = self.job(client);
        let withdrawn = !job.run.xchg(ptr::null_mut(), Full).is_null();
        if withdrawn {
            job.busy.store(false, Release);
        }
        withdrawn
    }

    /// Calls the thread away from its CPU, on which it is not run. Its part ends soon then, because
    /// [`super::cpu::OnCpu::exactly`] finds that it runs elsewhere. May sleep.
    pub(super) fn call_away(&self) {
        if let Some(task) = self.kick.task() {
            self.called_away.store(true, Relaxed);
            // SAFETY: The task is valid by the invariant of `Kick`.
            unsafe { shim::rmpopt_move_away(task.as_ptr()) };
        }
    }

    /// Whether it was called away from its CPU since it got its part.
    pub(crate) fn called_away(&self) -> bool {
        self.called_away.load(Relaxed)
    }

    /// A number that changes when the thread has run. `None` while it runs.
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
            // SAFETY: By the contract of `post` it lives until `end` was called.
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
        // Its CPU may be set apart, or belong to somebody who never gives it away: it ends elsewhere.
        // SAFETY: The task is valid by the invariant of `Kick`, and nobody uses it afterwards. Whether
        // it has ever run does not matter: it owns nothing.
        unsafe {
            shim::rmpopt_move_away(task.as_ptr());
            bindings::kthread_stop(task.as_ptr());
        }
    }
}

/// Lets other tasks of the CPU run first, where any is ready. May sleep. For a core's thread only: other
/// threads give way when the scheduler says so.
///
/// Lazy preemption makes it necessary: a task that becomes ready waits for the next tick there, even
/// behind SCHED_IDLE.
pub(crate) fn give_way() {
    // SAFETY: Nothing has to hold beside the context.
    unsafe { bindings::schedule() };
}
