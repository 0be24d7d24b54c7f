// SPDX-License-Identifier: GPL-2.0

//! A pass: one attempt over a set of regions, carried out by all cores.
//!
//! [`runner`] carries a pass out in two [`rounds`], with the leaders that [`plan`] chooses. [`core_round`] holds
//! what one core does in a round, [`core_work`] executes that on the core, and [`core_base`] writes the core's
//! RMPOPT_BASE. [`lack`] says whether a core has to follow at all. The [`region_sets`] of a [`survey`] hold what
//! passes have found out about the regions.
//!
//! [`super::control`] decides when there is a pass and over which regions, and passes an [`order`]. This room may
//! use [`super::host`], the engine's leaves, `sev/` and `sys/`.

mod claim;
pub(crate) mod core_base;
pub(crate) mod core_check;
pub(crate) mod core_round;
mod core_work;
mod lack;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod region_sets;
pub(crate) mod rounds;
pub(crate) mod runner;
pub(crate) mod sets;
pub(crate) mod survey;
