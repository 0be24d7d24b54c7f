// SPDX-License-Identifier: GPL-2.0

//! Attributes of windows: the policy that places them, and what is done beside a kernel with RMPOPT of its own.

use crate::{
    engine::host::window::Policy,
    sev::assess::Native, //
};
use kernel::prelude::*;

choice_attribute!(
    /// `window_policy`: the policy that places windows on hosts with more RAM than a table spans.
    3,
    Policy,
    policy,
    set_policy
);

choice_attribute!(
    /// `native`: what is done beside a kernel that has RMPOPT of its own.
    12,
    Native,
    native,
    set_native
);
