// SPDX-License-Identifier: GPL-2.0

//! `/proc/cpuinfo`: what the processor is, and which CPUs are a core.

use super::{list::List, Root};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The processor, as the kernel sees it.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Processor {
    /// Its maker: `AuthenticAMD`.
    pub vendor: String,
    /// The model's name.
    pub name: String,
    /// Family, model and stepping.
    pub family: u32,
    /// See family.
    pub model: u32,
    /// See family.
    pub stepping: u32,
    /// The microcode's version.
    pub microcode: String,
    /// Online CPUs.
    pub cpus: List,
    /// The flags that matter here, of the kernel's: those with sev, sme or rmp in their names.
    pub flags: Vec<String>,
    /// The CPUs of each core.
    #[serde(skip)]
    pub cores: Vec<List>,
}

/// Reads it.
///
/// # Errors
///
/// The file cannot be read.
pub fn read(root: &Root) -> Result<Processor> {
    let text = root.text("proc/cpuinfo")?;
    let mut found = Processor::default();
    let mut cpus = Vec::new();
    let mut cores: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for block in text.split("\n\n") {
        let mut cpu = None;
        let (mut package, mut core) = (0, None);
        for line in block.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            let number = || value.parse::<u32>().ok();
            match key.trim() {
                "processor" => cpu = number(),
                "physical id" => package = number().unwrap_or(0),
                "core id" => core = number(),
                "vendor_id" => found.vendor = value.to_owned(),
                "model name" => found.name = value.to_owned(),
                "cpu family" => found.family = number().unwrap_or(0),
                "model" => found.model = number().unwrap_or(0),
                "stepping" => found.stepping = number().unwrap_or(0),
                "microcode" => found.microcode = value.to_owned(),
                "flags" => found.flags = flags(value),
                _ => (),
            }
        }
        if let Some(cpu) = cpu {
            cpus.push(cpu);
            // Without a core's number each CPU is one.
            let key = core.map_or((u32::MAX, cpu), |core| (package, core));
            cores.entry(key).or_default().push(cpu);
        }
    }
    cpus.sort_unstable();
    cpus.dedup();
    found.cpus = List::of(cpus);
    found.cores = cores.into_values().map(sorted).collect();
    found.cores.sort_by_key(List::first);
    Ok(found)
}

fn sorted(mut cpus: Vec<u32>) -> List {
    cpus.sort_unstable();
    cpus.dedup();
    List::of(cpus)
}

fn flags(value: &str) -> Vec<String> {
    let words = value.split_whitespace();
    let matter = |word: &&str| ["sev", "sme", "rmp"].iter().any(|part| word.contains(part));
    // Instruction sets have such names, too.
    let other = |word: &&str| !word.contains("smep") && !word.contains("sse");
    words
        .filter(matter)
        .filter(other)
        .map(str::to_owned)
        .collect()
}
