// SPDX-License-Identifier: GPL-2.0

//! `generate`: manual pages, completions and the JSON Schema, from the definitions of the command line and of the
//! output. For packages; hidden.

use crate::{cli, exit::Code, output::Document};
use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use std::{fs, path::Path};

/// Writes all of it below a folder: `man/`, `completions/`, `rmpoptctl.schema.json`.
///
/// # Errors
///
/// A file cannot be written.
pub fn run(arguments: &cli::Generate) -> Result<Code> {
    let to = arguments.folder.as_path();
    let command = cli::Cli::command();
    let man = to.join("man");
    fs::create_dir_all(&man).with_context(|| man.display().to_string())?;
    clap_mangen::generate_to(command.clone(), &man).with_context(|| man.display().to_string())?;
    let completions = to.join("completions");
    fs::create_dir_all(&completions).with_context(|| completions.display().to_string())?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = command.clone();
        clap_complete::generate_to(shell, &mut command, "rmpoptctl", &completions)
            .with_context(|| completions.display().to_string())?;
    }
    save(&to.join("rmpoptctl.schema.json"), &schema()?)?;
    Ok(Code::Done)
}

fn save(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| file.display().to_string())
}

fn schema() -> Result<String> {
    let schema = schemars::schema_for!(Document);
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}
