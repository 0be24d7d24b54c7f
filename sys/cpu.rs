// SPDX-License-Identifier: GPL-2.0

//! CPUs: which are online, which are siblings, and staying on one.

use super::shim;
use core::marker::PhantomData;
use kernel::bindings;

/// The number of a CPU (a thread of a core), below [`limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cpu(u32);

impl Cpu {
    /// The number, as in `/proc/cpuinfo`.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The number as an index.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The CPU with this number, `None` at or above [`limit`].
    pub(crate) fn new(number: u32) -> Option<Self> {
        (number < limit()).then_some(Self(number))
    }

    /// Whether it is online. May be outdated at once unless a [`HotplugLock`] is held.
    pub(crate) fn online(self) -> bool {
        // SAFETY: The number is below nr_cpu_ids, so its bit is in the mask.
        unsafe { shim::rmpopt_cpu_online(self.0) }
    }

    /// The number of its core, unique on this host, whichever of its threads are online
    /// (`topology_logical_core_id`). Known of a CPU that is or was online.
    pub(crate) fn core_id(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so its topology has a place.
        unsafe { shim::rmpopt_cpu_core(self.0) }
    }

    /// Its NUMA node, 0 where the firmware names none.
    pub(crate) fn node(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so it has an entry in the node map.
        u32::try_from(unsafe { shim::rmpopt_cpu_node(self.0) }).unwrap_or(0)
    }

    /// The number of its socket.
    pub(crate) fn socket(self) -> u32 {
        // SAFETY: The number is below nr_cpu_ids, so its topology is known.
        unsafe { shim::rmpopt_cpu_socket(self.0) }
    }

    /// Whether it was set apart from the others with `isolcpus=` or `nohz_full=`.
    pub(crate) fn isolated(self) -> bool {
        // SAFETY: The number is below nr_cpu_ids.
        unsafe { shim::rmpopt_cpu_isolated(self.0) }
    }

    /// The CPU that the caller runs on at this moment. A hint only.
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

/// Keeps CPUs from coming and going while it lives. Taking it may sleep.
pub(crate) struct HotplugLock(PhantomData<*mut ()>);

impl HotplugLock {
    /// Waits for a CPU that is just coming or going and takes the lock.
    ///
    /// Must not be called from a hotplug callback, which already holds it exclusively.
    pub(crate) fn lock() -> Self {
        // SAFETY: May sleep, which the caller allows; released in `drop`.
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
    /// Runs `f` on the CPU that the caller happens to be on. `f` must not sleep.
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

    /// Runs `f` if the caller is on `cpu`, returns `None` if it is not. `f` must not sleep.
    pub(crate) fn exactly<R>(cpu: Cpu, f: impl FnOnce(&OnCpu) -> R) -> Option<R> {
        Self::any(|on| (on.cpu == cpu).then(|| f(on)))
    }
}

/// A point at which another task gets the CPU if one waits for it. Must be called where sleeping is allowed.
pub(crate) fn reschedule() {
    // SAFETY: Called in thread context without locks, by the function's contract.
    unsafe { shim::rmpopt_reschedule() };
}

/// Lets everything else that wants the CPU go first while it lives.
///
/// For work of a workqueue: the worker gets its old priority back afterwards.
pub(crate) struct Background {
    nice: i32,
    _not_send: PhantomData<*mut ()>,
}

impl Background {
    /// Gives the current task the lowest priority. In thread context.
    pub(crate) fn enter() -> Self {
        // SAFETY: Both concern the current task only, which is in thread context.
        let nice = unsafe {
            let nice = shim::rmpopt_nice();
            shim::rmpopt_set_nice(19);
            nice
        };
        Self {
            nice,
            _not_send: PhantomData,
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // SAFETY: The same task as in `enter`, as the type is neither Send nor Sync.
        unsafe { shim::rmpopt_set_nice(self.nice) };
    }
}

/// The distance between two NUMA nodes as in ACPI's SLIT: 10 to itself, more to others.
pub(crate) fn node_distance(from: u32, to: u32) -> u32 {
    let number = |node: u32| i32::try_from(node).unwrap_or(0);
    // SAFETY: Numbers that are no nodes have a distance too.
    let distance = unsafe { shim::rmpopt_node_distance(number(from), number(to)) };
    u32::try_from(distance).unwrap_or(u32::MAX)
}

/// Sleeps for so many microseconds, by a timer of this CPU and without counting as load. In thread
/// context.
pub(crate) fn sleep_us(time: u64) {
    let time = usize::try_from(time).unwrap_or(usize::MAX);
    // SAFETY: In thread context, by the function's contract.
    unsafe { bindings::usleep_range_state(time, time.saturating_mul(2), bindings::TASK_IDLE) };
}

/// Keeps the calling kthread on one CPU from now on, as far as that is possible. May sleep.
pub(crate) fn stay_on(cpu: Cpu) {
    // SAFETY: Concerns the current task only.
    unsafe { shim::rmpopt_stay_on(cpu.0) };
}

/// Whether the kernel itself is prepared to be an SNP host (`CC_ATTR_HOST_SEV_SNP`).
pub(crate) fn kernel_supports_snp() -> bool {
    // SAFETY: Reads a flag that is fixed after boot.
    unsafe { shim::rmpopt_host_snp() }
}
