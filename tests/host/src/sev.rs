// SPDX-License-Identifier: GPL-2.0

//! The pure files of `sev/`.

#[path = "../../../sev/addr.rs"]
pub(crate) mod addr;
#[path = "../../../sev/assess.rs"]
pub(crate) mod assess;
#[path = "../../../sev/cpuid.rs"]
pub(crate) mod cpuid;
#[path = "../../../sev/entry.rs"]
pub(crate) mod entry;
#[path = "../../../sev/geometry/mod.rs"]
pub(crate) mod geometry;
#[path = "../../../sev/msr.rs"]
pub(crate) mod msr;
#[path = "../../../sev/page.rs"]
pub(crate) mod page;

pub(crate) use crate::sys::fault;
