// SPDX-License-Identifier: GPL-2.0

//! Collects what status shows; `debugfs/` formats it.
//!
//! This room reads the state of the other rooms and asks the hardware. It changes nothing, except that it stores
//! counts of assigned pages in [`super::dirty`]. It may use all rooms of the engine, `sev/` and `sys/`.

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

/// The state that all readers of status share.
#[pin_data]
pub(crate) struct View {
    /// The page that somebody looks up in the RMP.
    pub(crate) wanted: Wanted,
    /// Held while a reader of a status file asks cores.
    #[pin]
    asking: Mutex<()>,
}

impl View {
    /// Creates the state, with no page wanted.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            wanted: Wanted::new(),
            asking <- new_mutex!(()),
        })
    }

    /// Asks cores which regions they have optimised. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn snapshot<'a>(&self, control: &'a Control, scope: Scope) -> Result<Snapshot<'a>> {
        Snapshot::take(control, &self.asking, scope)
    }
}
