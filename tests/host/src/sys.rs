// SPDX-License-Identifier: GPL-2.0

//! The pure files of `sys/`. Pure files of other rooms may name them, and nothing else of that room.

#[path = "../../../sys/codec.rs"]
pub(crate) mod codec;
#[path = "../../../sys/fault.rs"]
pub(crate) mod fault;
