// SPDX-License-Identifier: GPL-2.0

//! `get`: the module's settings.

use crate::{
    cli,
    collect::{
        settings::{self, Setting},
        Root,
    },
    exit::Code,
    output::{Data, Output},
    show::style::{Style, Tone},
};
use anyhow::Result;
use std::fmt::Write;

/// Prints one setting's value, or all settings.
///
/// # Errors
///
/// The controls are not there, or there is no such setting.
pub fn run(root: &Root, output: &Output, arguments: &cli::Get) -> Result<Code> {
    root.require_controls()?;
    match &arguments.key {
        Some(key) => {
            let setting = settings::one(root, key)?;
            let value = format!("{}\n", setting.value);
            output.print(Data::Get(vec![setting]), |_| value)?;
        }
        None => {
            let all = settings::all(root)?;
            let text = list(&all, output.style);
            output.print(Data::Get(all), |_| text)?;
        }
    }
    Ok(Code::Done)
}

fn list(all: &[Setting], style: Style) -> String {
    let mut out = String::new();
    for setting in all {
        let value = format!("{:<9}", setting.value);
        let values = setting.values.as_deref().unwrap_or_default();
        let rest = format!("{}; {values}", setting.about);
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{:<14} {} {}",
            setting.key,
            style.paint(Tone::Bold, &value),
            style.paint(Tone::Dim, &rest)
        );
    }
    out
}
