// SPDX-License-Identifier: GPL-2.0

//! The one room with `unsafe` code: instructions with fault fixups, MSRs, and the facilities of the
//! kernel for which the kernel crate has no safe form yet.
//!
//! Each file wraps one concept; a constructor acquires, `Drop` releases. No policy here, and nothing
//! of the kernel's bindings leaves this room. What differs between kernel series is in
//! `compat.rs` only. `shim.c` holds the kernel's macros and inline functions that bindings cannot
//! carry, `native.c` how a kernel with RMPOPT of its own is recognised, `probe/` what runs in the
//! kernel's own RMP functions, `snp.c` sees SNP being initialised, `trace.c` has the tracepoints.

pub(crate) mod batch;
pub(crate) mod codec;
pub(crate) mod compat;
pub(crate) mod configfs;
pub(crate) mod core_thread;
pub(crate) mod cpu;
pub(crate) mod cpuid;
pub(crate) mod debugfs;
pub(crate) mod fault;
pub(crate) mod hotplug;
pub(crate) mod insn;
pub(crate) mod iomem;
pub(crate) mod kthread;
pub(crate) mod memory;
pub(crate) mod msr;
pub(crate) mod native;
pub(crate) mod params;
pub(crate) mod physmem;
pub(crate) mod probe;
pub(crate) mod reboot;
mod shim;
mod single;
pub(crate) mod snp;
pub(crate) mod trace;
