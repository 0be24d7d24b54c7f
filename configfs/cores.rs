// SPDX-License-Identifier: GPL-2.0

//! Cores: which take part, and for how long at a time.

use crate::engine::settings::{
    Isolated,
    Settings, //
};
use kernel::prelude::*;

choice_attribute!(
    /// `isolated_cpus`: what is done with cores that are isolated.
    4,
    Isolated,
    isolated,
    set_isolated
);

number_attribute!(
    /// `slice_us`: microseconds of RMPOPT after which a core reschedules.
    5,
    Settings::SLICE_MAX,
    slice_us,
    set_slice_us
);
