// SPDX-License-Identifier: GPL-2.0

//! `cpu/<N>`: what a CPU and its siblings have.

use super::{
    lines::{number, two, Lines},
    list::List,
    Root, DEBUG,
};
use anyhow::{anyhow, Context, Result};
use schemars::JsonSchema;
use serde::Serialize;

/// A core, as debugfs `cpu/<N>` shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Core {
    /// The module's number of the core.
    pub core: u64,
    /// Its online CPUs.
    pub cpus: List,
    /// Its NUMA node.
    pub node: u64,
    /// What RMPOPT is on the core, in the module's words.
    pub state: String,
    /// RMPOPT_BASE; none where it was not read.
    pub rmpopt_base: Option<u64>,
    /// First and last GiB of the window.
    pub window_gib: Option<(u64, u64)>,
    /// GiBs with RAM in the window, and of all.
    pub covered_gib: (u64, u64),
    /// GiBs that are optimised.
    pub optimised_gib: u64,
    /// GiBs in the window that held no assigned page when they were last verified.
    pub optimisable_gib: u64,
    /// Regions that the core attempted in its last pass, and optimised.
    pub last_pass: (u64, u64),
}

/// Reads what CPU `cpu` has; the core is asked for that. `None` where it was never online.
///
/// # Errors
///
/// The file cannot be read or is not of its form.
pub fn read(root: &Root, cpu: u32) -> Result<Option<Core>> {
    let file = format!("{DEBUG}/cpu/{cpu}");
    let name = root.path(&file).display().to_string();
    let text = root.text(&file)?;
    let lines = Lines::new(&name, &text);
    let state = lines.need("state")?;
    if state == "never online" {
        return Ok(None);
    }
    parse(&lines, state).map(Some).context(name.clone())
}

fn parse(lines: &Lines<'_>, state: &str) -> Result<Core> {
    let core = lines.need("core")?;
    let (core, cpus) = core
        .split_once(" (CPUs ")
        .and_then(|(core, cpus)| Some((core, cpus.strip_suffix(')')?)))
        .ok_or_else(|| anyhow!("core: not \"<N> (CPUs <list>)\""))?;
    let window = lines.need("window_gib")?;
    let last = lines.need("last_pass")?;
    let last = last.strip_prefix("attempted ").unwrap_or(last);
    let base = lines.need("rmpopt_base")?;
    Ok(Core {
        core: number(core)?,
        cpus: List::parse(cpus)?,
        node: lines.number("node")?,
        state: state.to_owned(),
        rmpopt_base: if base == "not read" {
            None
        } else {
            Some(number(base).context("rmpopt_base")?)
        },
        window_gib: if window == "none" {
            None
        } else {
            Some(two(window, "-").context("window_gib")?)
        },
        covered_gib: two(lines.need("covered_gib")?, " of ").context("covered_gib")?,
        optimised_gib: lines.number("optimised_gib")?,
        optimisable_gib: lines.number("optimisable_gib")?,
        last_pass: two(last, ", optimised ").context("last_pass")?,
    })
}
