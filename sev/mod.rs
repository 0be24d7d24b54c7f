// SPDX-License-Identifier: GPL-2.0

//! What the processor and the RMP are: CPUID leaves, MSRs, entries and the RMPOPT instruction.
//!
//! Facts and their decoding only. No policy (that is `engine/`), no `unsafe` (that is `sys/`).
//! All files but [`rmpopt`], [`rmp`], [`platform`] and [`probe`] are pure: they never name the kernel
//! crate and are compiled and tested on the host too (`tests/host/`).

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
