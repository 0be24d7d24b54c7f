// SPDX-License-Identifier: GPL-2.0

//! The one room with `unsafe` code: instructions with fault fixups, MSRs, and the facilities of the
//! kernel for which the kernel crate has no safe form yet.
//!
//! Each file wraps one concept; a constructor acquires, `Drop` releases. No policy here, nothing of the
//! kernel's bindings leaves this room, and nothing in it names another room. What differs between
//! kernel series is in `compat.rs` only. Beside the Rust files there are
//!
//! - `shim.c`: the kernel's macros and inline functions that bindings cannot carry;
//! - `native.c`: how a kernel with RMPOPT of its own is recognised;
//! - `probe/`: what runs in the kernel's own RMP functions;
//! - `snp.c`: how it is seen that SNP is being initialised;
//! - `reboot.c`: the notifier of a restart;
//! - `trace.c`: the tracepoints.
//!
//! # Context
//!
//! Each function says in which context it may be called. A function that may sleep is safe all the
//! same, as those of the kernel crate are: to call it where sleeping is not allowed is a bug that the
//! kernel reports. A SAFETY comment says what has to hold beside the context.

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
mod registration;
pub(crate) mod shared;
mod shim;
pub(crate) mod snp;
pub(crate) mod trace;
