// SPDX-License-Identifier: GPL-2.0

//! How much memory the engine takes.

use super::{
    bitmap::words,
    core::Core,
    machine::{
        CoreEntry,
        BITMAPS, //
    },
    region::RamRegion,
};
use crate::sys::{
    batch::Batch,
    core_thread::CoreThread, //
};
use kernel::sync::Refcount;

/// The size of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// Regions with RAM.
    pub(crate) regions: usize,
    /// Cores.
    pub(crate) cores: usize,
    /// CPU numbers.
    pub(crate) cpus: usize,
}

/// Bytes that the engine has allocated on a host of this size, at the most: while CPUs or memory
/// change the old survey and the new one are there together.
///
/// Without the lines in which the probes count (64 bytes for each region), and without the cores' kernel
/// threads: see [`threads`].
pub(crate) fn bytes(host: Host) -> usize {
    let survey = [
        // Machine::ram and claimed, Runner::leaders.
        (host.regions, size_of::<RamRegion>()),
        (host.regions, size_of::<u32>()),
        (host.regions, size_of::<Option<u16>>()),
        (
            words(host.regions),
            BITMAPS.saturating_mul(size_of::<u64>()),
        ),
        // Machine::cores and core_of, Runner::batch, leading, taking_part and following.
        (host.cores, size_of::<CoreEntry>()),
        (host.cores, Batch::PART_BYTES),
        (host.cores, size_of::<[bool; 3]>()),
        (host.cpus, size_of::<Option<u32>>()),
    ];
    let survey = survey
        .iter()
        .map(|(count, size)| count.saturating_mul(*size))
        .fold(0usize, usize::saturating_add);
    // Slabs have sizes that are powers of two.
    let core = size_of::<(Refcount, Core)>().next_power_of_two();
    let core = core.saturating_add(Core::TABLE_BYTES.next_power_of_two());
    let core = core.saturating_add(size_of::<(Refcount, CoreThread)>().next_power_of_two());
    survey
        .saturating_mul(2)
        .saturating_add(host.cores.saturating_mul(core))
}

/// Bytes that the kernel threads of so many cores take.
pub(crate) fn threads(cores: usize) -> usize {
    cores.saturating_mul(CoreThread::TASK_BYTES)
}
