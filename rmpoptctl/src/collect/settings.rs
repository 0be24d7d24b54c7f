// SPDX-License-Identifier: GPL-2.0

//! The module's controls in configfs: what they are, what they can be.

use super::{Root, CONFIG};
use anyhow::{anyhow, Result};
use schemars::JsonSchema;
use serde::Serialize;

/// A setting.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Setting {
    /// Its name: the file in configfs.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What it can be: a range or a list of values; none where that is not known.
    pub values: Option<String>,
    /// What it is.
    pub about: String,
}

/// The values that a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Switch,
    /// Decimal numbers up to this one.
    Number(u64),
    /// These words, and the one that it is.
    Choice(Vec<String>),
    /// Not known to this program.
    Unknown,
}

/// The settings that are numbers: name, the greatest value, what they are.
const NUMBERS: [(&str, u64, &str); 4] = [
    (
        "delay_ms",
        600_000,
        "milliseconds without conversions before an attempt",
    ),
    (
        "max_delay_ms",
        600_000,
        "milliseconds until an attempt, conversions or not",
    ),
    (
        "full_check_s",
        604_800,
        "seconds between two full checks, 0: none",
    ),
    (
        "slice_us",
        10_000,
        "microseconds after which a core offers itself to others",
    ),
];

/// The others.
const OTHERS: [(&str, &str); 5] = [
    ("enabled", "whether the module attempts anything"),
    ("auto", "whether passes begin by themselves"),
    (
        "window_policy",
        "where windows lie with more than 2 TiB of RAM",
    ),
    ("isolated_cpus", "what is done with isolated cores"),
    (
        "native",
        "what is done beside a kernel with RMPOPT of its own",
    ),
];

/// Files that are no settings.
const NOT_SETTINGS: [&str; 4] = ["action", "description", "rmp_entry", "optimise"];

/// Reads all settings, sorted by name.
///
/// # Errors
///
/// The controls are not there or cannot be read.
pub fn all(root: &Root) -> Result<Vec<Setting>> {
    root.require_controls()?;
    let names = root.names(CONFIG)?;
    let names = names.iter().filter(|n| !NOT_SETTINGS.contains(&n.as_str()));
    names.map(|name| one(root, name)).collect()
}

/// Reads one setting.
///
/// # Errors
///
/// There is none of this name, or it cannot be read.
pub fn one(root: &Root, key: &str) -> Result<Setting> {
    let (kind, value) = kind(root, key)?;
    let values = match &kind {
        Kind::Switch => Some("0 or 1".to_owned()),
        Kind::Number(most) => Some(format!("0 to {most}")),
        Kind::Choice(words) => Some(words.join(", ")),
        Kind::Unknown => None,
    };
    let about = OTHERS.iter().find(|(k, _)| *k == key).map(|(_, a)| *a);
    let about = about.or_else(|| NUMBERS.iter().find(|(k, ..)| *k == key).map(|n| n.2));
    Ok(Setting {
        key: key.to_owned(),
        value,
        values,
        about: about.unwrap_or_default().to_owned(),
    })
}

/// What a setting can be, and what it is.
///
/// # Errors
///
/// As [`one`].
pub fn kind(root: &Root, key: &str) -> Result<(Kind, String)> {
    // A name that leads elsewhere is no setting.
    let plain = key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    let text = if plain && !NOT_SETTINGS.contains(&key) {
        root.optional(&format!("{CONFIG}/{key}"))?
    } else {
        None
    };
    let Some(text) = text else {
        let names = root.names(CONFIG)?;
        let names = names.iter().filter(|n| !NOT_SETTINGS.contains(&n.as_str()));
        let names: Vec<&str> = names.map(String::as_str).collect();
        return Err(anyhow!(
            "there is no setting \"{key}\", only {}",
            names.join(", ")
        ));
    };
    let value = text.trim().to_owned();
    if let Some((_, most, _)) = NUMBERS.iter().find(|(name, ..)| *name == key) {
        return Ok((Kind::Number(*most), value));
    }
    if key == "enabled" || key == "auto" {
        return Ok((Kind::Switch, value));
    }
    let words = value.split_whitespace();
    let bracketed = |word: &str| {
        let word = word.strip_prefix('[')?;
        word.strip_suffix(']').map(str::to_owned)
    };
    let Some(present) = words.clone().find_map(bracketed) else {
        return Ok((Kind::Unknown, value));
    };
    let words = words.map(|word| bracketed(word).unwrap_or_else(|| word.to_owned()));
    Ok((Kind::Choice(words.collect()), present))
}

/// Whether a value may be written to a setting.
///
/// # Errors
///
/// What is wrong with it.
pub fn check(key: &str, kind: &Kind, value: &str) -> Result<()> {
    match kind {
        Kind::Switch if value == "0" || value == "1" => Ok(()),
        Kind::Switch => Err(anyhow!("{key}={value}: neither 0 nor 1")),
        Kind::Number(most) => {
            let plain = !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
            match value.parse::<u64>().ok().filter(|_| plain) {
                Some(n) if n <= *most => Ok(()),
                _ => Err(anyhow!("{key}={value}: not a number from 0 to {most}")),
            }
        }
        Kind::Choice(words) if words.iter().any(|word| word == value) => Ok(()),
        Kind::Choice(words) => Err(anyhow!("{key}={value}: none of {}", words.join(", "))),
        Kind::Unknown => Err(anyhow!(
            "{key}: this rmpoptctl does not know what it can be"
        )),
    }
}
