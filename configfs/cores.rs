// SPDX-License-Identifier: GPL-2.0

//! Attributes of cores: which cores take part in passes, and how long a core works before it reschedules.

use crate::engine::settings::{
    Isolated,
    Settings, //
};
use kernel::prelude::*;

choice_attribute!(
    /// `isolated_cpus`: what is done with isolated cores.
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
