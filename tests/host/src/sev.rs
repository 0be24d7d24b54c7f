// SPDX-License-Identifier: GPL-2.0

//! The pure files of `sev/`.

#[path = "../../../sev/addr.rs"]
pub(crate) mod addr;
#[path = "../../../sev/assess.rs"]
pub(crate) mod assess;
#[path = "../../../sev/cpuid.rs"]
pub(crate) mod cpuid;
#[path = "../../../sev/msr.rs"]
pub(crate) mod msr;
