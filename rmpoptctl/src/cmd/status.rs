// SPDX-License-Identifier: GPL-2.0

//! `status`: one screen.

use crate::{
    cli,
    collect::{
        host,
        list::List,
        memory::Nodes,
        module::{self, Module},
        processor::{self, Processor},
        rmp,
        settings::{self, Setting},
        stats::{self, Stats},
        table, Root,
    },
    exit::{Code, Failure},
    output::{put, Data, Output},
    show,
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, thread, time::Duration};

/// What `status` shows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    /// The processor.
    pub processor: Processor,
    /// Cores of which a CPU is online.
    pub cores: u64,
    /// What the module shows; none where it is not loaded.
    pub rmpopt: Option<Loaded>,
    /// What is worth a look.
    pub warnings: Vec<String>,
}

/// What there is with the module loaded.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Loaded {
    /// What it does.
    pub module: Module,
    /// What CPUID and the MSRs say.
    pub config: rmp::Config,
    /// How the RMP is laid out.
    pub layout: rmp::Layout,
    /// Which memory is optimised.
    pub coverage: Coverage,
    /// Sums.
    pub stats: Stats,
    /// Settings.
    pub settings: Vec<Setting>,
}

/// How much memory is optimised.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Coverage {
    /// All of it.
    pub all: Share,
    /// By node.
    pub nodes: BTreeMap<u32, Share>,
    /// GiBs of which the node is not known.
    pub no_node: Share,
    /// GiBs by what stands behind them in rmpopt-table.
    pub notes: BTreeMap<String, u64>,
}

/// GiBs with RAM, by the cores on which they are optimised.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Share {
    /// GiBs with RAM.
    pub gib: u64,
    /// Of these, optimised on every core.
    pub on_all_gib: u64,
    /// ... on some.
    pub on_some_gib: u64,
    /// ... on none.
    pub on_none_gib: u64,
    /// Pairs of a GiB and a core on which it is optimised.
    pub pairs: u64,
    /// All pairs of a GiB and a core.
    pub all_pairs: u64,
}

impl Share {
    fn add(&mut self, on: u64, cores: u64) {
        self.gib += 1;
        match on {
            0 => self.on_none_gib += 1,
            on if on >= cores => self.on_all_gib += 1,
            _ => self.on_some_gib += 1,
        }
        self.pairs = self.pairs.saturating_add(on);
        self.all_pairs = self.all_pairs.saturating_add(cores);
    }
}

/// Shows the screen, once or again and again.
///
/// # Errors
///
/// Files cannot be read or are not of their form.
pub fn run(root: &Root, output: &Output, arguments: &cli::Status) -> Result<Code> {
    if arguments.watch && output.json {
        return Err(Failure::error(
            Code::Failed,
            "--watch draws screens: not with --json",
        ));
    }
    loop {
        let report = collect(root)?;
        let code = match report.rmpopt {
            Some(_) => Code::Done,
            None => Code::NotLoaded,
        };
        let text = show::status::screen(&report, output.style);
        if !arguments.watch {
            output.print(Data::Status(Box::new(report)), |_| text)?;
            return Ok(code);
        }
        // Home, the screen with each line's rest erased, and what is below.
        let text = text.replace('\n', "\x1b[K\n");
        put(&format!("\x1b[H{text}\x1b[J"))?;
        thread::sleep(Duration::from_secs(arguments.interval));
    }
}

/// Collects what is shown.
///
/// # Errors
///
/// As [`run`].
pub fn collect(root: &Root) -> Result<Report> {
    let processor = processor::read(root)?;
    let online = host::online(root)?.unwrap_or_else(|| processor.cpus.clone());
    let cores = online_cores(&processor, &online);
    let mut report = Report {
        kernel: host::release(root),
        cores: u64::try_from(cores.len())?,
        processor,
        rmpopt: None,
        warnings: Vec::new(),
    };
    match root.require_module() {
        Ok(()) => (),
        Err(e) if crate::exit::code_of(&e) == Code::NotLoaded => {
            report.warnings.push(format!("{e:#}"));
            return Ok(report);
        }
        Err(e) => return Err(e),
    }
    let config = rmp::config(root)?;
    let loaded = Loaded {
        module: module::read(root, &config, &online, &cores)?,
        config,
        layout: rmp::layout(root)?,
        coverage: coverage(&table::read(root)?, &Nodes::read(root)?, &cores),
        stats: stats::read(root)?,
        settings: settings::all(root)?,
    };
    report.warnings = warnings(&loaded);
    report.rmpopt = Some(loaded);
    Ok(report)
}

/// The CPUs of each core that are online.
pub fn online_cores(processor: &Processor, online: &List) -> Vec<List> {
    let cores = processor.cores.iter();
    let cores = cores.map(|cpus| List::of(cpus.iter().filter(|cpu| online.contains(*cpu))));
    cores.filter(|cpus| !cpus.is_empty()).collect()
}

/// How much is optimised.
pub fn coverage(table: &[table::Line], nodes: &Nodes, cores: &[List]) -> Coverage {
    let all_cores = u64::try_from(cores.len()).unwrap_or(u64::MAX);
    let mut coverage = Coverage::default();
    // Most lines have the list of the line before.
    let mut last: Option<(&List, u64)> = None;
    for line in table {
        let on = match last {
            Some((cpus, on)) if *cpus == line.cpus => on,
            _ => {
                let has = |core: &&List| core.iter().any(|cpu| line.cpus.contains(cpu));
                u64::try_from(cores.iter().filter(has).count()).unwrap_or(u64::MAX)
            }
        };
        last = Some((&line.cpus, on));
        coverage.all.add(on, all_cores);
        let share = match nodes.of(line.gib) {
            Some(node) => coverage.nodes.entry(node).or_default(),
            None => &mut coverage.no_node,
        };
        share.add(on, all_cores);
        if let Some(note) = &line.note {
            *coverage.notes.entry(note.clone()).or_default() += 1;
        }
    }
    coverage
}

/// What is worth a look.
fn warnings(loaded: &Loaded) -> Vec<String> {
    let Loaded {
        module,
        config,
        layout,
        stats,
        ..
    } = loaded;
    let mut all = Vec::new();
    if !config.snp_on {
        all.push("SNP is off: nothing is checked, nothing can be optimised".to_owned());
    }
    let attempts = config.rmpopt && module.role != "observe";
    if attempts && !module.enabled {
        all.push("enabled is 0: nothing is attempted".to_owned());
    }
    for (state, cores) in &module.cores {
        let about = match state.as_str() {
            "enabled" | "enabled by the kernel" => continue,
            "off" if !attempts || !module.enabled || !config.snp_on => continue,
            "off" => "RMPOPT is off there, all memory is checked",
            "skipped" => "isolated_cpus leaves them alone",
            "kept by the processor" => "RMPOPT_EN cannot be cleared while SNP is on; that is safe",
            "enabled, other window" => "the processor does not let the window move",
            "cleared" => "somebody else has cleared RMPOPT_BASE",
            state if state.starts_with("taken out") => "an access raised an exception",
            _ => "see debugfs cpu/<N>",
        };
        let cores = show::style::count(*cores, "core is", "cores are");
        all.push(format!("{cores} \"{state}\": {about}"));
    }
    if let Some((gib, of)) = module.not_covered_gib.filter(|(gib, _)| *gib != 0) {
        all.push(format!("{gib} of {of} GiB are in no core's window"));
    }
    if attempts && stats.probes.starts_with("none") {
        all.push(format!(
            "the kernel's RMP functions are not watched ({})",
            stats.probes
        ));
    }
    if stats.missed != 0 {
        all.push(format!("{} calls were missed by the probes", stats.missed));
    }
    if stats.missing != 0 {
        let regions = show::style::count(stats.missing, "region was", "regions were");
        all.push(format!("{regions} displaced without a probe telling"));
    }
    for issue in &layout.issues {
        all.push(format!("the RMP's layout: {issue}"));
    }
    all
}
