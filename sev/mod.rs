// SPDX-License-Identifier: GPL-2.0

//! Describes the processor and the RMP: CPUID leaves, MSRs, entries and the RMPOPT instruction.
//!
//! This room reads and decodes facts only. Policy belongs to `engine/`, `unsafe` to `sys/`. All files but
//! [`rmpopt`], [`rmp`], [`platform`] and [`probe`] are pure: they never name the kernel crate, and `tests/host/`
//! compiles and tests them on the host too.

pub(crate) mod addr;
pub(crate) mod assess;
pub(crate) mod cpuid;
pub(crate) mod entry;
pub(crate) mod geometry;
pub(crate) mod msr;
pub(crate) mod page;
pub(crate) mod platform;
pub(crate) mod probe;
pub(crate) mod rmp;
pub(crate) mod rmpopt;

pub(crate) use crate::sys::fault;
