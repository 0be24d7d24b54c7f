// SPDX-License-Identifier: GPL-2.0

//! `rmp/`: the layout of the RMP and its entries, on every processor with SEV-SNP.

pub(crate) mod config;
pub(crate) mod entry;
pub(crate) mod occupancy;
pub(crate) mod segments;

use crate::{
    engine::Engine,
    sys::debugfs::Files, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Creates the directory and its files. May sleep.
///
/// # Errors
///
/// ENOMEM.
pub(crate) fn add(files: &mut Files<Engine>, engine: &Arc<Engine>) -> Result {
    let dir = files.subdir(c"rmp");
    files.add(dir, c"config", engine.clone(), config::show, 0)?;
    files.add(dir, c"segments", engine.clone(), segments::show, 0)?;
    files.add(dir, c"occupancy", engine.clone(), occupancy::show, 0)?;
    files.add(dir, c"entry", engine.clone(), entry::show, 0)
}
