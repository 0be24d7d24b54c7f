// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/config/rmpopt/`: the administrator's controls.
//!
//! Parsing, range checks and errno values only; what a value means and what follows from it is decided in
//! `engine/`. No status beyond the control's own position (that is `debugfs/`). All callbacks run in thread
//! context and may sleep. Documented in `Documentation/ABI/testing/configfs-rmpopt`.
//!
//! A new attribute is a macro of [`value`] in the file of its topic, a line in [`directory`], and an entry
//! in the ABI document.

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

/// What the attributes work on.
pub(crate) struct Shared {
    engine: Arc<Engine>,
}

/// What the attributes get from the kernel.
type Controls = Root<Shared>;

/// The directory. Dropping it removes it.
pub(crate) type Directory = sys::configfs::Directory<Shared>;

/// Makes the directory. May sleep.
///
/// # Errors
///
/// ENOMEM; EEXIST where another module has taken the name.
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
