// SPDX-License-Identifier: GPL-2.0

//! The pure files of `engine/`, in its rooms.

#[path = "../../../engine/bitmap.rs"]
pub(crate) mod bitmap;
#[path = "../../../engine/stats.rs"]
pub(crate) mod stats;

#[path = "../../../engine/host"]
pub(crate) mod host {
    pub(crate) mod region;
    pub(crate) mod state;
    pub(crate) mod window;
}

#[path = "../../../engine/census"]
pub(crate) mod census {
    pub(crate) mod count;
}

#[path = "../../../engine/pass"]
pub(crate) mod pass {
    pub(crate) mod core_check;
    pub(crate) mod core_round;
    pub(crate) mod lack;
    pub(crate) mod plan;
    pub(crate) mod rounds;
    pub(crate) mod sets;
}

#[path = "../../../engine/dirty"]
pub(crate) mod dirty {
    pub(crate) mod tracker;
    pub(crate) mod trigger;
}

#[path = "../../../engine/control"]
pub(crate) mod control {
    pub(crate) mod range;
}

#[path = "../../../engine/view"]
pub(crate) mod view {
    pub(crate) mod ranges;
}
