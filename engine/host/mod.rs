// SPDX-License-Identifier: GPL-2.0

//! What the host is: its RAM, its NUMA nodes, its cores, and the window of each core's table.
//!
//! A survey of the host is an immutable [`topology`]; what a core has and was asked for is kept in
//! [`per_core`]. Nothing here decides anything or accesses RMPOPT_BASE: that is in [`super::pass`] and
//! [`super::control`]. May use the engine's leaves, `sev/` and `sys/`, and no other room.

mod numa;
pub(crate) mod per_core;
mod ram;
pub(crate) mod region;
pub(crate) mod state;
pub(crate) mod topology;
pub(crate) mod window;
