// SPDX-License-Identifier: GPL-2.0

//! Describes the host: its RAM, its NUMA nodes, its cores, and the window of each core's table.
//!
//! A survey of the host is an immutable [`topology`]. [`per_core`] keeps what a core was asked for and what it has
//! optimised. [`super::control`] makes the decisions and [`super::pass`] accesses RMPOPT_BASE; this room does
//! neither. It may use the engine's leaves, `sev/` and `sys/`, and no other room.

mod numa;
pub(crate) mod per_core;
mod ram;
pub(crate) mod region;
pub(crate) mod state;
pub(crate) mod topology;
pub(crate) mod window;
