// SPDX-License-Identifier: GPL-2.0

//! The host beside the module: kernel, nodes and their CPUs.

use super::{list::List, Root};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The kernel's release; `unknown` where it is not told.
pub fn release(root: &Root) -> String {
    root.word("proc/sys/kernel/osrelease")
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The online CPUs.
///
/// # Errors
///
/// The file is not a list.
pub fn online(root: &Root) -> Result<Option<List>> {
    let file = "sys/devices/system/cpu/online";
    let Some(text) = root.optional(file)? else {
        return Ok(None);
    };
    List::parse(&text)
        .map(Some)
        .with_context(|| root.path(file).display().to_string())
}

/// The CPUs of each node.
///
/// # Errors
///
/// A file is not a list, or cannot be read.
pub fn nodes(root: &Root) -> Result<BTreeMap<u32, List>> {
    let folder = "sys/devices/system/node";
    let mut nodes = BTreeMap::new();
    for name in root.names(folder)? {
        let Some(node) = name.strip_prefix("node").and_then(|n| n.parse().ok()) else {
            continue;
        };
        let file = format!("{folder}/{name}/cpulist");
        let Some(text) = root.optional(&file)? else {
            continue;
        };
        let cpus = List::parse(&text).with_context(|| root.path(&file).display().to_string())?;
        nodes.insert(node, cpus);
    }
    Ok(nodes)
}
