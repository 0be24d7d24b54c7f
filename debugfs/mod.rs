// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/rmpopt/`: read-only status for root.
//!
//! This room only formats: `engine/` collects what is shown. Nothing here changes any state. Each file has one
//! source file, whose function creates the text in thread context when the file is opened.
//! `Documentation/ABI/testing/debugfs-rmpopt` documents the files.

mod cpu;
mod regions;
mod rmp;
mod stats;
mod status;
mod table;

use crate::{
    engine::Engine,
    sys::{
        cpu as sys_cpu,
        debugfs::Files, //
    }, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// Creates the directory and all its files. May sleep.
///
/// # Errors
///
/// ENOMEM.
pub(crate) fn files(engine: &Arc<Engine>) -> Result<Files<Engine>> {
    let mut files = Files::new(c"rmpopt");
    let root = files.root();
    files.add(root, c"rmpopt-table", engine.clone(), table::show, 0)?;
    files.add(root, c"status", engine.clone(), status::show, 0)?;
    files.add(root, c"stats", engine.clone(), stats::show, 0)?;
    files.add(root, c"regions", engine.clone(), regions::show, 0)?;
    rmp::add(&mut files, engine)?;
    let cpus = files.subdir(c"cpu");
    for cpu in (0..sys_cpu::limit()).filter_map(sys_cpu::Cpu::new) {
        let name = CString::try_from_fmt(fmt!("{}", cpu.number()))?;
        files.add(cpus, &name, engine.clone(), cpu::show, cpu.number())?;
    }
    Ok(files)
}
