// SPDX-License-Identifier: GPL-2.0

//! The status as metrics in Prometheus' text format: base units, few series, none for each GiB or CPU.

use crate::{
    cmd::status::{Loaded, Report, Share},
    collect::stats::Stats,
};
use std::fmt::Write;

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// The text under way.
struct Metrics(String);

impl Metrics {
    /// Begins a metric.
    fn about(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample. Labels are names and values.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let mut list = String::new();
        for (label, value) in labels {
            let comma = if list.is_empty() { "" } else { "," };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            // Writing to a String does not fail.
            let _ = write!(list, "{comma}{label}=\"{value}\"");
        }
        let braces = if list.is_empty() {
            list
        } else {
            format!("{{{list}}}")
        };
        let _ = writeln!(self.0, "{name}{braces} {value}");
    }

    /// A metric of one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.about(name, kind, help);
        self.sample(name, &[], &value.to_string());
    }
}

/// All metrics.
pub fn text(report: &Report) -> String {
    let mut out = Metrics(String::new());
    let loaded = u64::from(report.rmpopt.is_some());
    out.one(
        "rmpopt_loaded",
        "gauge",
        "Whether the module rmpopt is loaded.",
        loaded,
    );
    if let Some(loaded) = &report.rmpopt {
        state(&mut out, loaded);
        memory(&mut out, loaded);
        sums(&mut out, &loaded.stats);
        delays(&mut out, &loaded.stats);
    }
    out.0
}

fn state(out: &mut Metrics, loaded: &Loaded) {
    let Loaded {
        module,
        config,
        stats,
        ..
    } = loaded;
    out.about(
        "rmpopt_info",
        "gauge",
        "What the module does and how it sees conversions.",
    );
    let labels = [
        ("role", module.role.as_str()),
        ("owner", module.owner.as_str()),
        ("probes", stats.probes.as_str()),
        ("version", module.version.as_deref().unwrap_or("")),
    ];
    out.sample("rmpopt_info", &labels, "1");
    out.one(
        "rmpopt_snp_on",
        "gauge",
        "Whether SEV-SNP is on.",
        u64::from(config.snp_on),
    );
    out.one(
        "rmpopt_enabled",
        "gauge",
        "Whether anything is attempted.",
        u64::from(module.enabled),
    );
    let busy = u64::from(module.action != "idle");
    out.one(
        "rmpopt_pass_pending",
        "gauge",
        "Whether a pass is asked for or under way.",
        busy,
    );
    out.about("rmpopt_cores", "gauge", "Cores, by what RMPOPT is on them.");
    for (state, cores) in &module.cores {
        out.sample("rmpopt_cores", &[("state", state)], &cores.to_string());
    }
    if let Some((gib, _)) = module.not_covered_gib {
        let help = "Memory in the window of no core.";
        out.one(
            "rmpopt_not_covered_bytes",
            "gauge",
            help,
            gib.saturating_mul(GIB),
        );
    }
}

fn memory(out: &mut Metrics, loaded: &Loaded) {
    let name = "rmpopt_memory_bytes";
    out.about(
        name,
        "gauge",
        "Memory in GiBs with RAM, by the cores on which it is optimised.",
    );
    let coverage = &loaded.coverage;
    let mut share = |node: &str, share: &Share| {
        for (state, gib) in [
            ("on_all_cores", share.on_all_gib),
            ("on_some_cores", share.on_some_gib),
            ("on_no_core", share.on_none_gib),
        ] {
            let bytes = gib.saturating_mul(GIB).to_string();
            out.sample(name, &[("node", node), ("state", state)], &bytes);
        }
    };
    for (node, one) in &coverage.nodes {
        share(&node.to_string(), one);
    }
    if coverage.no_node.gib != 0 {
        share("unknown", &coverage.no_node);
    }
    // Of the pairs: with windows no GiB is on all cores.
    let ratio = super::style::ratio(coverage.all.pairs, coverage.all.all_pairs, 10_000);
    let help = "Of all pairs of a GiB and a core, those that are optimised.";
    out.about("rmpopt_optimised_ratio", "gauge", help);
    let value = format!("{}.{:04}", ratio / 10_000, ratio % 10_000);
    out.sample("rmpopt_optimised_ratio", &[], &value);
}

fn sums(out: &mut Metrics, stats: &Stats) {
    out.about("rmpopt_passes_total", "counter", "Passes, by reason.");
    for (reason, passes) in &stats.passes {
        out.sample(
            "rmpopt_passes_total",
            &[("reason", reason)],
            &passes.to_string(),
        );
    }
    let name = "rmpopt_attempts_total";
    out.about(
        name,
        "counter",
        "Regions that a leader has verified, by result.",
    );
    for (result, regions) in [
        ("optimised", stats.regions_won),
        ("held", stats.regions_held),
        ("raced", stats.regions_raced),
    ] {
        out.sample(name, &[("result", result)], &regions.to_string());
    }
    let name = "rmpopt_pass_seconds_total";
    out.about(name, "counter", "Time of passes, by who was at work.");
    for (part, us) in [
        ("leaders", stats.leaders_us),
        ("followers", stats.followers_us),
    ] {
        let seconds = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
        out.sample(name, &[("part", part)], &seconds);
    }
    for (name, help, value) in [
        (
            "rmpopt_conversions_total",
            "Conversions of pages that were seen.",
            stats.conversions,
        ),
        (
            "rmpopt_probe_misses_total",
            "Calls that the probes had to miss.",
            stats.missed,
        ),
        (
            "rmpopt_scans_total",
            "RMPOPT instructions of leaders.",
            stats.scans,
        ),
        (
            "rmpopt_instructions_total",
            "RMPOPT instructions of all cores.",
            stats.instructions,
        ),
        ("rmpopt_full_checks_total", "Full checks.", stats.checks),
        (
            "rmpopt_corrections_total",
            "Counts that were put right.",
            stats.corrections,
        ),
        (
            "rmpopt_missing_regions_total",
            "Regions found displaced that no probe told of.",
            stats.missing,
        ),
        (
            "rmpopt_native_passes_total",
            "Passes of the kernel's own that won anything.",
            stats.native_passes,
        ),
        (
            "rmpopt_native_won_total",
            "Regions that these have won.",
            stats.native_won,
        ),
    ] {
        out.one(name, "counter", help, value);
    }
}

/// The module counts by powers of two, and not the sum: that is NaN.
fn delays(out: &mut Metrics, stats: &Stats) {
    let name = "rmpopt_win_back_seconds";
    let help =
        "Time from a region's last conversion until it was optimised again. The sum is not known.";
    out.about(name, "histogram", help);
    let mut all: u64 = 0;
    let bucket = format!("{name}_bucket");
    // Each power of two of milliseconds, empty ones too: a bucket that comes later would break rates.
    for power in 0..=20 {
        let below = 1u64 << power;
        let within = stats
            .delays
            .iter()
            .filter(|d| d.to_ms.is_some_and(|to| to < below));
        all = within.fold(0, |n: u64, d| n.saturating_add(d.regions));
        let edge = format!("{}.{:03}", below / 1000, below % 1000);
        out.sample(&bucket, &[("le", &edge)], &all.to_string());
    }
    let beyond = stats
        .delays
        .iter()
        .filter(|d| d.to_ms.is_none_or(|to| to >= 1 << 20));
    let all = beyond.fold(all, |n, d| n.saturating_add(d.regions));
    out.sample(&bucket, &[("le", "+Inf")], &all.to_string());
    out.sample(&format!("{name}_sum"), &[], "NaN");
    out.sample(&format!("{name}_count"), &[], &all.to_string());
}
