// SPDX-License-Identifier: GPL-2.0

//! The only room with `unsafe` code: instructions with fault fixups, MSRs, and the facilities of the
//! kernel for which the kernel crate has no safe wrapper yet.
//!
//! Each file wraps one concept: a constructor acquires it, `Drop` releases it. This room contains no policy
//! and names no other room, and nothing of the kernel's bindings leaves it. All Rust code that differs between
//! kernel series is in `compat.rs`. Beside the Rust files there are these C files:
//!
//! - `shim.c` wraps the kernel's macros and inline functions that bindings cannot carry;
//! - `native.c` recognises a kernel with RMPOPT of its own;
//! - `probe/` holds the code that runs in the kernel's own RMP functions;
//! - `snp.c` sees that SNP is being initialised;
//! - `reboot.c` is the notifier of a restart;
//! - `trace.c` defines the tracepoints.
//!
//! # Context
//!
//! Each function says in which context it may be called. A function that may sleep is not `unsafe` for that
//! reason, as in the kernel crate: a call where sleeping is not allowed is a bug that the kernel reports. A
//! SAFETY comment proves every condition except the context.

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
