// SPDX-License-Identifier: GPL-2.0

//! An SEV-SNP host with RMPOPT, as a plugin for QEMU's TCG. README.md says what it models and how it is used.
//!
//! `model` is the host, and does not depend on QEMU. `plugin` passes the guest's instructions to the model. Only `ffi`
//! calls QEMU, and only `ffi` contains unsafe code.

#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        dead_code,
        clippy::unwrap_used,
        reason = "without QEMU nothing calls in, and a test may panic"
    )
)]

mod boot;
mod consume;
mod decode;
mod device;
#[cfg(not(test))]
#[expect(unsafe_code, reason = "QEMU's plugin interface is C")]
mod ffi;
mod guest;
mod header;
mod interrupts;
mod model;
mod options;
mod plugin;
mod port;
mod resume;
mod session;
