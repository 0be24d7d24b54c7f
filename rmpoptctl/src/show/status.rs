// SPDX-License-Identifier: GPL-2.0

//! The screen of `status`.

use super::style::{bar, count, percent, Style, Tone};
use crate::cmd::status::{Loaded, Report, Share};
use std::fmt::Write;

/// Width of the bars.
const WIDTH: u64 = 24;

/// All of it.
pub fn screen(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let processor = &report.processor;
    let text = format!(
        "{}, family {:x}h model {:x}h stepping {}, microcode {}",
        processor.name, processor.family, processor.model, processor.stepping, processor.microcode
    );
    style.line(&mut out, "Processor", &text);
    let text = format!(
        "{}, {}, {}",
        report.kernel,
        count(report.cores, "core", "cores"),
        count(report.processor.cpus.count(), "CPU", "CPUs")
    );
    style.line(&mut out, "Kernel", &text);
    match &report.rmpopt {
        Some(loaded) => module(&mut out, loaded, style),
        None => style.line(&mut out, "RMPOPT", &style.paint(Tone::Bad, "not known")),
    }
    for warning in &report.warnings {
        style.line(&mut out, "Warning", &style.paint(Tone::Warn, warning));
    }
    out
}

fn module(out: &mut String, loaded: &Loaded, style: Style) {
    let Loaded {
        module,
        config,
        layout,
        coverage,
        stats,
        ..
    } = loaded;
    let on = if config.snp_on {
        style.paint(Tone::Good, "on")
    } else {
        style.paint(Tone::Bad, "off")
    };
    let segments = layout.segments.len();
    let form = match &layout.segment_size {
        Some(size) => format!(
            "{} RMP, {} of up to {size}",
            layout.form,
            count(u64::try_from(segments).unwrap_or(0), "segment", "segments")
        ),
        None => format!("{} RMP", layout.form),
    };
    style.line(out, "SNP", &format!("{on}; {form}"));
    let owner = match module.owner.as_str() {
        "module" => "RMPOPT_BASE is this module's",
        "kernel" => "RMPOPT_BASE is the kernel's own",
        _ => "the processor has no RMPOPT",
    };
    style.line(
        out,
        "RMPOPT",
        &format!("{}; {owner}", style.paint(Tone::Bold, &module.role)),
    );
    if config.rmpopt {
        let mut states = Vec::new();
        for (state, cores) in &module.cores {
            states.push(format!("{cores} {state}"));
        }
        style.line(out, "Cores", &states.join(", "));
        memory(out, "Optimised", &coverage.all, style);
        for (node, share) in coverage.nodes.iter().filter(|_| coverage.nodes.len() > 1) {
            memory(out, &format!("  node {node}"), share, style);
        }
    } else {
        style.line(
            out,
            "Memory",
            &count(coverage.all.gib, "GiB with RAM", "GiB with RAM"),
        );
    }
    for (note, gib) in &coverage.notes {
        style.line(out, "", &format!("{gib} GiB: {note}"));
    }
    if !config.rmpopt {
        return;
    }
    let last = match module.last_pass {
        Some((attempted, won)) => {
            format!(
                "{}, {won} optimised (on the first core)",
                count(attempted, "region", "regions")
            )
        }
        None => "not known".to_owned(),
    };
    style.line(out, "Last pass", &last);
    let mut reasons = String::new();
    for (reason, passes) in stats.passes.iter().filter(|(_, passes)| **passes != 0) {
        let comma = if reasons.is_empty() { ": " } else { ", " };
        // Writing to a String does not fail.
        let _ = write!(reasons, "{comma}{passes} {reason}");
    }
    style.line(out, "Passes", &format!("{}{reasons}", stats.all_passes()));
    style.line(out, "Pending", &module.action);
    let text = format!("{}; probes: {}", stats.conversions, stats.probes);
    style.line(out, "Conversions", &text);
}

fn memory(out: &mut String, label: &str, share: &Share, style: Style) {
    let bar = bar(share.pairs, share.all_pairs, WIDTH);
    let text = format!(
        "{} {:>7}  {} GiB: {} on all cores, {} on some, {} on none",
        style.paint(Tone::Good, &bar),
        percent(share.pairs, share.all_pairs),
        share.gib,
        share.on_all_gib,
        share.on_some_gib,
        share.on_none_gib
    );
    style.line(out, label, &text);
}
