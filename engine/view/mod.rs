// SPDX-License-Identifier: GPL-2.0

//! What status shows: collected here, formatted in `debugfs/`.
//!
//! Reads what the other rooms know and asks the hardware. Changes nothing; a count that somebody has asked
//! for is remembered. May use all rooms of the engine, `sev/` and `sys/`.

pub(crate) mod lookup;
pub(crate) mod occupancy;
pub(crate) mod ranges;
pub(crate) mod regions;
pub(crate) mod snapshot;

use self::{
    lookup::Wanted,
    snapshot::{
        Scope,
        Snapshot, //
    }, //
};
use super::control::Control;
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// What readers of status share.
#[pin_data]
pub(crate) struct View {
    /// The page that somebody looks up in the RMP.
    pub(crate) wanted: Wanted,
    /// Held while cores are asked for a status file.
    #[pin]
    asking: Mutex<()>,
}

impl View {
    /// Nobody has asked for anything yet.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            wanted: Wanted::new(),
            asking <- new_mutex!(()),
        })
    }

    /// Asks cores for what they have. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn snapshot<'a>(&self, control: &'a Control, scope: Scope) -> Result<Snapshot<'a>> {
        Snapshot::take(control, &self.asking, scope)
    }
}
