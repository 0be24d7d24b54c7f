// SPDX-License-Identifier: GPL-2.0

//! `set`: changes settings. All are checked before the first is written.

use crate::{
    cli,
    collect::{settings, Root, CONFIG},
    exit::{Code, Failure},
    output::{Data, Output},
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// A setting that was changed, or would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Change {
    /// The setting.
    pub key: String,
    /// Its value before.
    pub before: String,
    /// The value that was asked for.
    pub wanted: String,
    /// What it reads now; none where nothing was written.
    pub now: Option<String>,
}

/// Checks all, then writes one after the other and reads each back.
///
/// # Errors
///
/// [`Code::Refused`] where a value is wrong (nothing is written then) or the kernel refuses it (those before it
/// are written).
pub fn run(root: &Root, output: &Output, arguments: &cli::Set) -> Result<Code> {
    root.require_controls()?;
    let mut changes = Vec::new();
    for text in &arguments.settings {
        changes.push(check(root, text)?);
    }
    if !arguments.dry_run {
        for change in &mut changes {
            let file = format!("{CONFIG}/{}", change.key);
            root.write(&file, &change.wanted)?;
            // What is read is the truth.
            let (_, now) = settings::kind(root, &change.key)?;
            change.now = Some(now);
        }
    }
    let other = changes
        .iter()
        .any(|change| change.now.as_ref().is_some_and(|now| *now != change.wanted));
    let text = list(&changes);
    output.print(Data::Set(changes), |_| text)?;
    Ok(if other { Code::Failed } else { Code::Done })
}

fn check(root: &Root, text: &str) -> Result<Change> {
    let refuse = |e: anyhow::Error| Failure::error(Code::Refused, format!("{e:#}"));
    let (key, wanted) = text
        .split_once('=')
        .with_context(|| format!("\"{text}\" is not KEY=VALUE"))
        .map_err(refuse)?;
    let (kind, before) = settings::kind(root, key)?;
    settings::check(key, &kind, wanted).map_err(refuse)?;
    Ok(Change {
        key: key.to_owned(),
        before,
        wanted: wanted.to_owned(),
        now: None,
    })
}

fn list(changes: &[Change]) -> String {
    let mut out = String::new();
    for Change {
        key,
        before,
        wanted,
        now,
    } in changes
    {
        // Writing to a String does not fail.
        let _ = match now {
            None => writeln!(out, "{key}: {before}, would become {wanted}"),
            Some(now) if now == wanted => writeln!(out, "{key}: {before} -> {now}"),
            Some(now) => writeln!(out, "{key}: {before} -> {now}, though {wanted} was written"),
        };
    }
    out
}
