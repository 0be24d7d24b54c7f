// SPDX-License-Identifier: GPL-2.0

//! A pass: one attempt over a set of regions, carried out by all cores.
//!
//! [`runner`] carries it out in two [`rounds`], with the leaders that [`plan`] chooses. [`core_round`] is what
//! one core does in a round, [`core_work`] is the core that does it, [`core_base`] is that core's RMPOPT_BASE.
//! What is known of the regions is in the [`region_sets`] of a [`survey`].
//!
//! When there is a pass, and over which regions, is decided in [`super::control`] and comes as an
//! [`order`]. May use [`super::host`], the engine's leaves, `sev/` and `sys/`.

mod claim;
pub(crate) mod core_base;
pub(crate) mod core_check;
pub(crate) mod core_round;
mod core_work;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod region_sets;
pub(crate) mod rounds;
pub(crate) mod runner;
pub(crate) mod sets;
pub(crate) mod survey;
