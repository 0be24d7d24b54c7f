// SPDX-License-Identifier: GPL-2.0

//! The tables of what was counted.

use crate::check::{self, Probe, Runs};
use crate::model::{self, CLOCK};
use crate::run::{float, median, number, total, worst, Done, Net, Run, Step};
use crate::table::{ratio, Table};
use std::fmt::Write;

/// The steps in the tables, in the order of the scenarios.
pub const STEPS: [(&str, &str); 7] = [
    ("idle", "idle, 4 s"),
    ("cold", "first pass, all cold"),
    ("unchanged", "nothing changed"),
    ("every_region_held", "a page at the end of each"),
    ("one_region", "one region given back"),
    ("guest_of_8_gib", "a guest of 8 GiB ends"),
    ("every_guest", "every guest ends"),
];

/// The step in which guests come and go; on some hosts only.
pub const CHURN: (&str, &str) = ("churn", "two minutes of churn");

/// The steps that a run has.
pub fn steps(run: &Run) -> impl Iterator<Item = (&'static str, &Step)> {
    let all = STEPS.into_iter().chain([CHURN]);
    all.filter_map(|(name, title)| Some((title, run.steps.get(name)?)))
}

/// What a step causes: without the idle system's part, but of the idle step itself.
pub fn net(run: &Run, step: &Step) -> Result<Net, String> {
    let idle = check::step(run, "idle")?;
    if std::ptr::eq(step, idle) {
        return Ok(step.net(&Step::default()));
    }
    Ok(step.net(idle))
}

/// A share of a second.
fn percent(cycles: u64) -> String {
    format!("{:.4}", float(cycles) / CLOCK * 100.0)
}

/// Everything that was counted.
pub fn counted(out: &mut String, hosts: &[Runs<'_>]) -> Result<(), String> {
    let Some(first) = hosts.first() else {
        return Ok(());
    };
    let (emulator, kernel) = (&first.module.emulator, &first.module.kernel);
    let _ = writeln!(
        out,
        "Counted in the emulated host ({emulator}, kernel {kernel}). Interrupts and kernel instructions are without\n\
         the idle system's part, except in the line \"idle\". Share: of one second of a core, see README.md."
    );
    for runs in hosts {
        let host = &runs.module.host;
        let _ = writeln!(
            out,
            "\n## {}: {} CPUs, {} cores, {} nodes, {} regions over {} GiB\n",
            runs.shape(),
            host.cpus,
            host.cores,
            host.nodes,
            host.regions.len(),
            host.span()
        );
        let _ = writeln!(out, "{}", all_steps(runs)?);
        let _ = writeln!(out, "{}", other_work(runs)?);
        churn(out, runs);
        remarks(out, runs)?;
    }
    Ok(())
}

fn all_steps(runs: &Runs<'_>) -> Result<Table, String> {
    let mut table = Table::new(
        2,
        &[
            "",
            "",
            "verify",
            "report",
            "scans",
            "entries",
            "CAL",
            "worst",
            "RES",
            "worst",
            "meet",
            "kernel insn",
            "worst core",
            "share %",
            "worst %",
        ],
    );
    for (name, title) in STEPS.into_iter().chain([CHURN]) {
        for run in runs.all() {
            let Some(step) = run.steps.get(name) else {
                continue;
            };
            let net = net(run, step)?;
            let busy = model::cycles(run, step, check::step(run, "idle")?);
            let mean = total(&busy).checked_div(number(busy.len())).unwrap_or(0);
            let late = if step.late { " (late)" } else { "" };
            table.row(vec![
                title.into(),
                format!("{}{late}", run.algorithm.name()),
                step.verify.to_string(),
                step.report.to_string(),
                step.scans.to_string(),
                step.entries_read.to_string(),
                total(&net.function_calls).to_string(),
                worst(&net.function_calls).to_string(),
                total(&net.reschedules).to_string(),
                worst(&net.reschedules).to_string(),
                step.most_cores_in_region.to_string(),
                total(&net.instructions).to_string(),
                worst(&net.instructions).to_string(),
                percent(mean),
                percent(worst(&busy)),
            ]);
        }
    }
    Ok(table)
}

/// Interrupts off, and what other work on a core waits for.
fn other_work(runs: &Runs<'_>) -> Result<Table, String> {
    let mut table = Table::new(
        2,
        &[
            "",
            "",
            "off: insn",
            "RMPOPT",
            "scans",
            "us",
            "wait: insn",
            "RMPOPT",
            "scans",
            "us",
        ],
    );
    for (name, title) in STEPS.into_iter().chain([CHURN]) {
        for run in runs.all() {
            let Some(step) = run.steps.get(name) else {
                continue;
            };
            let cells = |done: Done| {
                [
                    done.instructions.to_string(),
                    done.rmpopt.to_string(),
                    done.scans.to_string(),
                    format!("{:.1}", model::microseconds(run, done)),
                ]
            };
            let mut row = vec![title.into(), run.algorithm.name().into()];
            row.extend(cells(step.longest_off()));
            row.extend(step.waited().into_iter().flat_map(cells));
            table.row(row);
        }
    }
    Ok(table)
}

fn churn(out: &mut String, runs: &Runs<'_>) {
    for run in runs.all() {
        if let Some(watched) = run.steps.get("churn").and_then(|step| step.watched) {
            let _ = writeln!(
                out,
                "Churn, {}: {:.1} % of the GiB-seconds optimised that could have been.",
                run.algorithm.name(),
                watched.share() * 100.0
            );
        }
    }
}

fn remarks(out: &mut String, runs: &Runs<'_>) -> Result<(), String> {
    let of_cold = |run: &Run| net(run, check::step(run, "cold")?);
    let ours = worst(&of_cold(runs.module)?.instructions);
    for run in [runs.june, runs.taken] {
        let theirs = of_cold(run)?.instructions;
        let _ = writeln!(
            out,
            "Cold: the module's worst core retires {} of the kernel instructions of the worst core of {}, which waits \
             spinning, and {} of those of its median core, which is only interrupted.",
            ratio(ours, worst(&theirs)),
            run.algorithm.name(),
            ratio(ours, median(&theirs)),
        );
    }
    if let Some(traced) = &runs.module.traced {
        let _ = writeln!(
            out,
            "Of the module's cold pass, traced by their stacks: {} function-call interrupts bring work ({} to the \
             worst core), {} wake its thread.",
            total(&traced.work),
            worst(&traced.work),
            total(&traced.wake)
        );
    }
    for run in [runs.module, runs.assist] {
        let _ = writeln!(
            out,
            "A guest of 8 GiB ends, {}: optimised on all cores {} ms after its last page came back (delay_ms {}); june \
             and taken: 10,000 ms and a pass.",
            run.algorithm.name(),
            check::step(run, "timed")?.optimised_us / 1000,
            run.delay_ms.unwrap_or(0),
        );
    }
    Ok(())
}

/// What a probed call costs.
pub fn probes(out: &mut String, hosts: &[Runs<'_>]) {
    let mut table = Table::new(
        1,
        &["host", "a probed call", "of these ours", "an empty fprobe"],
    );
    for host in hosts {
        if let Some(probe) = Probe::of(host.module) {
            table.row(vec![
                host.shape(),
                probe.all.to_string(),
                probe.ours.to_string(),
                probe.empty.to_string(),
            ]);
        }
    }
    let _ = writeln!(
        out,
        "\n## Probes: kernel instructions more per rmp_make_shared()\n\n{table}"
    );
}
