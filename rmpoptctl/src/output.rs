// SPDX-License-Identifier: GPL-2.0

//! What goes to standard output: text or JSON, at once and without a panic.

use crate::{cli::Colour, cmd};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// The version of the JSON. A field that goes or changes its meaning raises it; a new one does not.
pub const SCHEMA_VERSION: u32 = 1;

/// What each subcommand prints as JSON.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "command", content = "data", rename_all = "lowercase")]
pub enum Data {
    /// Of `status`.
    Status(Box<cmd::status::Report>),
    /// Of `get`.
    Get(Vec<crate::collect::settings::Setting>),
    /// Of `set`.
    Set(Vec<cmd::set::Change>),
    /// Of `map`.
    Map(cmd::map::Map),
    /// Of `record`.
    Record(cmd::record::Report),
    /// Of `replay`, and of `map --time`.
    Replay(cmd::timeline::Timeline),
    /// Of `optimise`.
    Optimise(cmd::optimise::Report),
    /// Of `rmp`.
    Rmp(cmd::rmp::Found),
    /// Of `guests`.
    Guests(cmd::guests::Report),
    /// Of `advise`.
    Advise(cmd::advise::Report),
    /// Of `gain`.
    Gain(cmd::gain::Report),
    /// Of `doctor`.
    Doctor(cmd::doctor::Report),
}

/// A JSON document as printed.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "rmpoptctl --json")]
pub struct Document {
    /// The version of this format.
    pub schema_version: u32,
    /// The subcommand and what it found.
    #[serde(flatten)]
    pub data: Data,
}

/// How to print.
pub struct Output {
    /// JSON is wanted.
    pub json: bool,
    /// Colours are.
    pub style: crate::show::style::Style,
}

impl Output {
    /// From the command line and the terminal.
    pub fn new(json: bool, colour: Colour) -> Self {
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                io::stdout().is_terminal() && !no
            }
        };
        let style = crate::show::style::Style { colour };
        Self { json, style }
    }

    /// Prints the data as JSON, or the text of them.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub fn print(&self, data: Data, text: impl FnOnce(&Data) -> String) -> Result<()> {
        if !self.json {
            return put(&text(&data));
        }
        let document = Document {
            schema_version: SCHEMA_VERSION,
            data,
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        put(&text)
    }
}

/// Writes text to standard output.
///
/// # Errors
///
/// It takes no more.
pub fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("standard output")
}
