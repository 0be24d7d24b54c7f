// SPDX-License-Identifier: GPL-2.0

//! The pure files of `engine/`.

#[path = "../../../engine/bitmap.rs"]
pub(crate) mod bitmap;
#[path = "../../../engine/census.rs"]
pub(crate) mod census;
#[path = "../../../engine/check.rs"]
pub(crate) mod check;
#[path = "../../../engine/extent.rs"]
pub(crate) mod extent;
#[path = "../../../engine/pass.rs"]
pub(crate) mod pass;
#[path = "../../../engine/plan.rs"]
pub(crate) mod plan;
#[path = "../../../engine/ranges.rs"]
pub(crate) mod ranges;
#[path = "../../../engine/region.rs"]
pub(crate) mod region;
#[path = "../../../engine/rounds.rs"]
pub(crate) mod rounds;
#[path = "../../../engine/state.rs"]
pub(crate) mod state;
#[path = "../../../engine/stats.rs"]
pub(crate) mod stats;
#[path = "../../../engine/tracker.rs"]
pub(crate) mod tracker;
#[path = "../../../engine/trigger.rs"]
pub(crate) mod trigger;
#[path = "../../../engine/window.rs"]
pub(crate) mod window;
