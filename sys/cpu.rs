// SPDX-License-Identifier: GPL-2.0

//! CPUs: which are online, which belong to one core, and how to stay on one.

use super::shim;
use core::marker::PhantomData;
use kernel::{
    bindings,
    ffi, //
};

/// The number of a CPU (a thread of a core), below [`limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cpu(u32);

impl Cpu {
    /// The CPU's number, as in `/proc/cpuinfo`.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The CPU's number as an index.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The CPU with this number. `None` for a number of [`limit`] or more.
    pub(crate) fn new(number: u32) -> Option<Self> {
        (number < limit()).then_some(Self(number))
    }

    /// Whether the CPU is online. The answer may be outdated at once unless a [`HotplugLock`] is held.
    pub(crate) fn online(self) -> bool {
        // SAFETY: The number is below nr_cpu_ids, so its bit is in the mask.
        unsafe { shim::rmpopt_cpu_online(self.0) }
    }

    /// The number of the CPU's core (`topology_logical_core_id`). It is unique on this host, and does not depend on
    /// which threads of the core are online. Valid for a CPU that is or was online.
    pub(crate) fn core_id(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so its topology has a place.
        unsafe { shim::rmpopt_cpu_core(self.0) }
    }

    /// The CPU's NUMA node; 0 where the firmware names no node.
    pub(crate) fn node(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so it has an entry in the node map.
        u32::try_from(unsafe { shim::rmpopt_cpu_node(self.0) }).unwrap_or(0)
    }

    /// The number of the CPU's socket.
    pub(crate) fn socket(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so its topology is known.
        unsafe { shim::rmpopt_cpu_socket(self.0) }
    }

    /// Whether the CPU is isolated at this moment: by `isolcpus=`, by `nohz_full=`, or by an isolated cpuset
    /// partition, which may be created and removed at any time.
    pub(crate) fn isolated(self) -> bool {
        // SAFETY: The number is below nr_cpu_ids.
        unsafe { shim::rmpopt_cpu_isolated(self.0) }
    }

    /// The CPU on which the caller runs at this moment. Only a hint, because the caller may move.
    pub(crate) fn current() -> Self {
        // SAFETY: Reading the current CPU's number has no precondition.
        Self(unsafe { shim::rmpopt_this_cpu() })
    }
}

/// One more than the largest CPU number of this boot.
pub(crate) fn limit() -> u32 {
    kernel::cpu::nr_cpu_ids()
}

/// All online CPUs, in ascending order.
pub(crate) fn online() -> impl Iterator<Item = Cpu> + Clone {
    (0..limit()).map(Cpu).filter(|cpu| cpu.online())
}

/// Keeps CPUs from going online or offline while the value lives. Taking the lock may sleep.
pub(crate) struct HotplugLock(PhantomData<*mut ()>);

impl HotplugLock {
    /// Takes the lock; waits while a CPU goes online or offline.
    ///
    /// Must not be called from a hotplug callback, during which the kernel holds the lock exclusively.
    pub(crate) fn lock() -> Self {
        // SAFETY: The only condition is the context. Released in `drop`.
        unsafe { bindings::cpus_read_lock() };
        Self(PhantomData)
    }
}

impl Drop for HotplugLock {
    fn drop(&mut self) {
        // SAFETY: Taken in `lock` by this task, as the type is neither Send nor Sync.
        unsafe { bindings::cpus_read_unlock() };
    }
}

/// Proof that the caller stays on one CPU.
///
/// # Invariants
///
/// Preemption is off while a value exists, and `cpu` is the CPU that runs the caller.
pub(crate) struct OnCpu {
    cpu: Cpu,
    _not_send: PhantomData<*mut ()>,
}

impl OnCpu {
    /// The CPU on which the caller stays.
    pub(crate) fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// Runs `f` on the CPU on which the caller runs. `f` must not sleep.
    pub(crate) fn any<R>(f: impl FnOnce(&OnCpu) -> R) -> R {
        // SAFETY: Paired with the enabling below; nothing in between returns or unwinds.
        unsafe { shim::rmpopt_preempt_disable() };
        // INVARIANT: Preemption is off until `on` is gone.
        let on = OnCpu {
            cpu: Cpu::current(),
            _not_send: PhantomData,
        };
        let result = f(&on);
        // SAFETY: Paired with the disabling above.
        unsafe { shim::rmpopt_preempt_enable() };
        result
    }

    /// Runs `f` if the caller runs on `cpu`; returns `None` if it does not. `f` must not sleep.
    pub(crate) fn exactly<R>(cpu: Cpu, f: impl FnOnce(&OnCpu) -> R) -> Option<R> {
        Self::any(|on| (on.cpu == cpu).then(|| f(on)))
    }
}

/// Lets another task have the CPU, on kernels without preemption; does nothing on kernels with preemption. May
/// sleep.
pub(crate) fn cond_resched() {
    // SAFETY: The only condition is the context.
    unsafe { shim::rmpopt_cond_resched() };
}

/// The data that [`interrupt`] passes to the other CPU.
struct Call<F, R> {
    function: Option<F>,
    result: Option<R>,
}

/// Runs `function` on `cpu` in an interrupt, waits for it and returns its result. `None` where the CPU is offline.
/// May sleep.
///
/// `function` must be a few instructions only, and callers must not interrupt all CPUs at the same time: this module
/// avoids interrupt broadcasts.
pub(crate) fn interrupt<F, R>(cpu: Cpu, function: F) -> Option<R>
where
    F: FnOnce(&OnCpu) -> R + Send,
    R: Send,
{
    let mut call = Call {
        function: Some(function),
        result: None,
    };
    // SAFETY: The call is over when this returns, so that `call` outlives it; nobody else uses it
    // meanwhile.
    unsafe { shim::rmpopt_call_on(cpu.0, interrupted::<F, R>, (&raw mut call).cast()) };
    call.result
}

/// Called with interrupts off, on the CPU that was passed to [`interrupt`].
///
/// # Safety
///
/// `call` is a `Call<F, R>` that nobody else uses meanwhile.
unsafe extern "C" fn interrupted<F: FnOnce(&OnCpu) -> R, R>(call: *mut ffi::c_void) {
    // SAFETY: By the contract above.
    let call = unsafe { &mut *call.cast::<Call<F, R>>() };
    call.result = call.function.take().map(OnCpu::any);
}

/// The distance between two NUMA nodes as in ACPI's SLIT: 10 from a node to itself, more to other nodes.
pub(crate) fn node_distance(from: u32, to: u32) -> u32 {
    let number = |node: u32| i32::try_from(node).unwrap_or(0);
    // SAFETY: Numbers that are no nodes have a distance too.
    let distance = unsafe { shim::rmpopt_node_distance(number(from), number(to)) };
    u32::try_from(distance).unwrap_or(u32::MAX)
}

/// Sleeps for `time` to `2 * time` microseconds, by a timer of this CPU and without counting as load. In thread
/// context; sleeps.
pub(crate) fn sleep_us(time: u64) {
    let time = usize::try_from(time).unwrap_or(usize::MAX);
    // SAFETY: The function takes any times.
    unsafe { bindings::usleep_range_state(time, time.saturating_mul(2), bindings::TASK_IDLE) };
}

/// Whether the kernel is prepared to be an SNP host (`CC_ATTR_HOST_SEV_SNP`).
pub(crate) fn kernel_supports_snp() -> bool {
    // SAFETY: Reads a flag that is fixed after boot.
    unsafe { shim::rmpopt_host_snp() }
}
