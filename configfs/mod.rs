// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/config/rmpopt/`: the administrator's controls.
//!
//! This room parses values, checks ranges and chooses errno values. `engine/` decides what a value means and does
//! what follows from it. An attribute shows its own value; all other status belongs to `debugfs/`. All callbacks
//! run in thread context and may sleep. `Documentation/ABI/testing/configfs-rmpopt` documents the attributes.
//!
//! A new attribute needs three things: a macro of [`value`] in the file of its topic, a line in [`directory`], and
//! an entry in the ABI document.

#[macro_use]
mod value;

mod cores;
mod lookup;
mod passes;
mod ranges;
mod windows;

use crate::{
    engine::Engine,
    sys::{
        self,
        configfs::{
            item_type,
            Root, //
        }, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What the attributes access.
pub(crate) struct Shared {
    engine: Arc<Engine>,
}

/// The argument that the kernel passes to the attributes' callbacks.
type Controls = Root<Shared>;

/// The directory. Dropping it removes it.
pub(crate) type Directory = sys::configfs::Directory<Shared>;

/// Creates the directory. May sleep.
///
/// # Errors
///
/// ENOMEM; EEXIST where another module has a directory of that name.
pub(crate) fn directory(engine: Arc<Engine>) -> impl PinInit<Directory, Error> {
    let item_type = item_type!(
        Controls,
        enabled: 0,
        action: 1,
        description: 2,
        window_policy: 3,
        isolated_cpus: 4,
        slice_us: 5,
        rmp_entry: 6,
        auto: 7,
        delay_ms: 8,
        max_delay_ms: 9,
        full_check_s: 10,
        optimise: 11,
        native: 12,
    );
    pin_init::pin_init_scope(move || {
        let shared = Arc::new(Shared { engine }, GFP_KERNEL)?;
        Ok(Directory::new(c"rmpopt", item_type, shared))
    })
}
