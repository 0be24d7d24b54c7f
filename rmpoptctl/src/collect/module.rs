// SPDX-License-Identifier: GPL-2.0

//! What the module does: its role, the cores' states, a pass under way.

use super::{
    core,
    lines::{two, Lines},
    list::List,
    rmp, Root, CONFIG, DEBUG,
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the module does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Module {
    /// Its version, where it has one.
    pub version: Option<String>,
    /// Its role: `optimise`, `observe`, or beside a kernel with RMPOPT of its own `assist`, `takeover` or `observe`.
    pub role: String,
    /// Whose RMPOPT_BASE is: `module`, `kernel` or `nobody`.
    pub owner: String,
    /// Whether it attempts anything.
    pub enabled: bool,
    /// Cores by state, in the module's words.
    pub cores: BTreeMap<String, u64>,
    /// GiBs with RAM in the window of no core, of all with RAM; none where that is not known.
    pub not_covered_gib: Option<(u64, u64)>,
    /// What `action` says: `idle`, `pending` or how far the pass is.
    pub action: String,
    /// Regions that a core attempted in its last pass, and optimised; none where it could not be asked.
    pub last_pass: Option<(u64, u64)>,
}

/// Reads what there is; `cpus` are the online ones.
///
/// # Errors
///
/// A file is not of its form or cannot be read.
pub fn read(root: &Root, config: &rmp::Config, cpus: &List, cores: &[List]) -> Result<Module> {
    let action = root.word(&format!("{CONFIG}/action"));
    let enabled = root.word(&format!("{CONFIG}/enabled"));
    let first = match cpus.first() {
        Some(cpu) => core::read(root, cpu)?,
        None => None,
    };
    let mut module = Module {
        version: root.word("sys/module/rmpopt/version"),
        role: String::new(),
        owner: "module".to_owned(),
        enabled: enabled.as_deref() == Some("1"),
        cores: BTreeMap::new(),
        not_covered_gib: None,
        action: action.unwrap_or_else(|| "idle".to_owned()),
        last_pass: first.as_ref().map(|core| core.last_pass),
    };
    let file = format!("{DEBUG}/status");
    match root.optional(&file)? {
        Some(text) => status(&mut module, &root.path(&file).display().to_string(), &text)?,
        None => by_cores(&mut module, root, config, first.as_ref(), cores)?,
    }
    let kernels = ["assist", "takeover"].contains(&module.role.as_str())
        || module.cores.contains_key("enabled by the kernel");
    if !config.rmpopt {
        module.owner = "nobody".to_owned();
    } else if kernels && module.role != "takeover" {
        module.owner = "kernel".to_owned();
    }
    Ok(module)
}

/// From the module's own `status`.
fn status(module: &mut Module, name: &str, text: &str) -> Result<()> {
    let lines = Lines::new(name, text);
    module.role = lines.need("role")?.to_owned();
    module.enabled = lines.need("enabled")? == "1";
    for (key, value) in lines.pairs() {
        if let Some(state) = key.strip_prefix("cores ") {
            let count = value.parse().ok();
            let count = count.with_context(|| format!("{name}: {key}: not a number"))?;
            module.cores.insert(state.to_owned(), count);
        }
    }
    if let Some(gib) = lines.get("not_covered_gib").filter(|gib| *gib != "-") {
        module.not_covered_gib = Some(two(gib, " of ").with_context(|| name.to_owned())?);
    }
    Ok(())
}

/// Without that file: each core is asked.
fn by_cores(
    module: &mut Module,
    root: &Root,
    config: &rmp::Config,
    first: Option<&core::Core>,
    cores: &[List],
) -> Result<()> {
    for cpus in cores {
        let Some(cpu) = cpus.first() else {
            continue;
        };
        let known = first.filter(|core| core.cpus.contains(cpu)).cloned();
        let core = match known {
            Some(core) => Some(core),
            None => core::read(root, cpu)?,
        };
        if let Some(core) = core {
            let count = module.cores.entry(core.state).or_default();
            *count = count.saturating_add(1);
        }
    }
    let by_kernel = module.cores.contains_key("enabled by the kernel");
    module.role = if config.rmpopt && !by_kernel {
        "optimise".to_owned()
    } else {
        "observe".to_owned()
    };
    Ok(())
}
