// SPDX-License-Identifier: GPL-2.0

//! `export prometheus`: metrics, printed or for node_exporter's textfile collector; `serve` has --listen.

use crate::{
    cli,
    collect::Root,
    exit::Code,
    output::{put, Output},
    show,
};
use anyhow::{Context, Result};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Prints the metrics, serves them, or writes them to a file at once: who reads it sees the old ones or the new ones.
///
/// Where the module is not loaded the metrics say so, and the program ends well: a monitor has to be told.
///
/// # Errors
///
/// Files cannot be read or are not of their form, or the file cannot be written.
pub fn run(root: &Root, _: &Output, arguments: &cli::Export) -> Result<Code> {
    let cli::Export {
        format: cli::Format::Prometheus,
        output,
        listen,
    } = arguments;
    if let Some(address) = listen {
        return super::serve::run(root, address);
    }
    let report = super::status::collect(root)?;
    let text = show::prometheus::text(&report);
    match output {
        Some(file) => replace(file, &text)?,
        None => put(&text)?,
    }
    Ok(Code::Done)
}

/// Writes a file beside it and renames that. node_exporter reads names that end in `.prom` only.
fn replace(file: &Path, text: &str) -> Result<()> {
    let name = file.file_name().context("the file has no name")?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.part", std::process::id()));
    let beside: PathBuf = file.with_file_name(beside);
    let written = fs::File::create(&beside).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, file)
    });
    if written.is_err() {
        // Whether it is there or not.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| file.display().to_string())
}
