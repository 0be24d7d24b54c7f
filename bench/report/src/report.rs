// SPDX-License-Identifier: GPL-2.0

//! What `make bench` prints.

use crate::check::{self, Check, Pair, Probe};
use crate::model::{self, Calibration, Large, CLOCK, CORES, TABLE};
use crate::plot::{self, Diagram, Line};
use crate::run::{float, median, number, total, worst, Algorithm, Run, Step};
use crate::table::{ratio, Table};
use std::fmt::Write;
use std::path::Path;

/// The steps in the table, in the order of the scenarios.
const STEPS: [(&str, &str); 7] = [
    ("idle", "idle, 4 s"),
    ("cold", "cold"),
    ("unchanged", "nothing changed"),
    ("every_region_held", "a page at the end of each"),
    ("one_region", "one region given back"),
    ("guest_of_8_gib", "a guest of 8 GiB ends"),
    ("every_guest", "every guest ends"),
];

/// NUMA nodes of two sockets with one, two and four nodes each.
const NODES: [u64; 3] = [2, 4, 8];

/// Prints everything, draws the plots. `false` if a required figure is missed.
pub fn report(results: &Path) -> Result<bool, String> {
    let runs = read(results)?;
    let pairs = pairs(&runs)?;
    let calibrations = [model::AFTER_GUESTS, model::at_boot()];

    let mut text = String::new();
    counted(&mut text, &pairs)?;
    probes(&mut text, &pairs);
    modelled(&mut text, &calibrations);

    let mut checks = Vec::new();
    let mut formulas = Vec::new();
    for pair in &pairs {
        checks.extend(check::host(pair)?);
        formulas.extend(check::formulas(pair)?);
    }
    checks.extend(check::large(&NODES, &calibrations));
    let passed = verdict(
        &mut text,
        "Formulas of the model against the counts",
        &formulas,
    ) & verdict(&mut text, "Required figures", &checks);

    print!("{text}");
    let file = results.join("report.txt");
    std::fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    plots(results, &pairs, &calibrations)?;
    Ok(passed)
}

fn read(results: &Path) -> Result<Vec<Run>, String> {
    let files = std::fs::read_dir(results).map_err(|e| format!("{}: {e}", results.display()))?;
    let mut runs = Vec::new();
    for file in files {
        let path = file.map_err(|e| e.to_string())?.path();
        if path.extension().is_some_and(|e| e == "json") {
            let run = serde_json::from_str(&crate::read(&path)?);
            runs.push(run.map_err(|e| format!("{}: {e}", path.display()))?);
        }
    }
    Ok(runs)
}

fn pairs(runs: &[Run]) -> Result<Vec<Pair<'_>>, String> {
    let of = |algorithm: Algorithm| runs.iter().filter(move |r| r.algorithm == algorithm);
    let mut pairs = Vec::new();
    for module in of(Algorithm::Module) {
        let published = of(Algorithm::Published).find(|p| p.host == module.host);
        let published = published.ok_or_else(|| {
            let (cpus, regions) = (module.host.cpus, module.host.regions.len());
            format!("{cpus}x{regions}: the published algorithm was not measured on the same host")
        })?;
        pairs.push(Pair { published, module });
    }
    if pairs.is_empty() {
        return Err("there are no results".into());
    }
    pairs.sort_by_key(|p| (p.module.host.regions.len(), p.module.host.cpus));
    Ok(pairs)
}

/// A share of a second.
fn percent(cycles: u64) -> String {
    format!("{:.4}", float(cycles) / CLOCK * 100.0)
}

fn counted(out: &mut String, pairs: &[Pair<'_>]) -> Result<(), String> {
    let all = pairs.iter().map(|p| p.module.emulator.as_str()).next();
    let kernel = pairs.iter().map(|p| p.module.kernel.as_str()).next();
    let _ = writeln!(
        out,
        "Counted in the emulated host ({}, kernel {}). Interrupts and kernel instructions are without the\n\
         idle system's part, except in the line \"idle\". Share: of one second of a core, see README.md.",
        all.unwrap_or("?"),
        kernel.unwrap_or("?")
    );
    for pair in pairs {
        let host = &pair.module.host;
        let _ = writeln!(
            out,
            "\n## {}: {} CPUs, {} cores, {} nodes, {} regions over {} GiB\n",
            pair.shape(),
            host.cpus,
            host.cores,
            host.nodes,
            host.regions.len(),
            host.span()
        );
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
        for (name, title) in STEPS {
            for run in [pair.published, pair.module] {
                let (step, idle) = (check::step(run, name)?, check::step(run, "idle")?);
                let none = Step::default();
                let net = step.net(if name == "idle" { &none } else { idle });
                let net = if name == "idle" {
                    crate::run::Net {
                        function_calls: step.function_calls.clone(),
                        reschedules: step.reschedules.clone(),
                        instructions: step.instructions.clone(),
                    }
                } else {
                    net
                };
                let busy = model::cycles(run, step, idle);
                let mean = total(&busy).checked_div(number(busy.len())).unwrap_or(0);
                let first = if run.algorithm == Algorithm::Published {
                    title
                } else {
                    ""
                };
                table.row(vec![
                    first.into(),
                    format!(
                        "{}{}",
                        run.algorithm.name(),
                        if step.late { " (late)" } else { "" }
                    ),
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
            let (theirs, ours) = (
                check::step(pair.published, name)?,
                check::step(pair.module, name)?,
            );
            let (n_theirs, n_ours) = (
                theirs.net(check::step(pair.published, "idle")?),
                ours.net(check::step(pair.module, "idle")?),
            );
            if name != "idle" {
                let of = |f: &dyn Fn(&crate::run::Net) -> u64| ratio(f(&n_ours), f(&n_theirs));
                table.row(vec![
                    String::new(),
                    "ratio".into(),
                    ratio(ours.verify, theirs.verify),
                    String::new(),
                    ratio(ours.scans, theirs.scans),
                    ratio(ours.entries_read, theirs.entries_read),
                    of(&|n| total(&n.function_calls)),
                    of(&|n| worst(&n.function_calls)),
                    of(&|n| total(&n.reschedules)),
                    of(&|n| worst(&n.reschedules)),
                    String::new(),
                    of(&|n| total(&n.instructions)),
                    of(&|n| worst(&n.instructions)),
                ]);
            }
        }
        let _ = write!(out, "{table}");
        let of_cold = |run: &Run| -> Result<crate::run::Net, String> {
            Ok(check::step(run, "cold")?.net(check::step(run, "idle")?))
        };
        let (theirs, ours) = (of_cold(pair.published)?, of_cold(pair.module)?);
        let _ = writeln!(
            out,
            "Cold: the module's worst core retires {} of the kernel instructions of the published algorithm's worst core, \
             which waits spinning, and {} of those of its median core, which is only interrupted.",
            ratio(worst(&ours.instructions), worst(&theirs.instructions)),
            ratio(worst(&ours.instructions), median(&theirs.instructions)),
        );
        if let Some(traced) = &pair.module.traced {
            let _ = writeln!(
                out,
                "Of the module's cold pass, traced by their stacks: {} function-call interrupts bring work ({} to the \
                 worst core), {} wake its thread.",
                total(&traced.work),
                worst(&traced.work),
                total(&traced.wake)
            );
        }
        let guest = check::step(pair.module, "timed")?;
        match pair.module.delay_ms {
            Some(delay) => {
                let _ = writeln!(
                    out,
                    "A guest of 8 GiB ends: optimised on all cores {} ms after its last page came back (delay_ms \
                     {delay}); published: 10,000 ms and a pass.",
                    guest.optimised_us / 1000
                );
            }
            None => {
                let _ = writeln!(
                    out,
                    "This module does nothing by itself: passes were asked for."
                );
            }
        }
    }
    Ok(())
}

fn probes(out: &mut String, pairs: &[Pair<'_>]) {
    let mut table = Table::new(
        1,
        &["host", "a probed call", "of these ours", "an empty fprobe"],
    );
    for pair in pairs {
        if let Some(probe) = Probe::of(pair.module) {
            table.row(vec![
                pair.shape(),
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

fn modelled(out: &mut String, calibrations: &[Calibration]) {
    let _ = writeln!(
        out,
        "## Cost model\n\nCounts are the formulas checked below; time is modelled from published cycles at an assumed {:.1} GHz.\n",
        CLOCK / 1e9
    );
    let mut table = Table::new(1, &["published", "ms", "model", "residual %"]);
    for fit in model::fit() {
        table.row(vec![
            format!("{} ({})", fit.what, fit.how),
            format!("{:.0}", fit.published * 1e3),
            format!("{:.1}", fit.modelled * 1e3),
            format!("{:+.1}", fit.residual() * 100.0),
        ]);
    }
    let _ = writeln!(out, "{table}");
    let mut table = Table::new(
        3,
        &[
            "machine",
            "case",
            "algorithm",
            "GiB covered",
            "RMPOPT",
            "scans",
            "CAL of a core",
            "ms",
            "ratio",
        ],
    );
    for (tib, regions) in [(2, TABLE), (12, 6 * TABLE)] {
        for nodes in NODES {
            for held in [false, true] {
                for calibration in calibrations {
                    if held && calibration.name != calibrations.first().map_or("", |c| c.name) {
                        continue;
                    }
                    let on = Large {
                        regions,
                        cores: CORES,
                        nodes,
                        held,
                    };
                    let case = if held { "all held" } else { calibration.name };
                    let theirs = model::published(on, *calibration);
                    let ours = model::module(on, *calibration);
                    let mut row =
                        |name: &str, counts: model::Counts, seconds: f64, ratio: String| {
                            table.row(vec![
                                format!("{tib} TiB, {CORES} cores, {nodes} nodes"),
                                case.into(),
                                name.into(),
                                counts.covered.to_string(),
                                counts.rmpopt.to_string(),
                                counts.scans.to_string(),
                                counts.interrupts.to_string(),
                                format!("{:.1}", seconds * 1e3),
                                ratio,
                            ]);
                        };
                    row(
                        "published",
                        model::published_counts(on),
                        theirs,
                        String::new(),
                    );
                    row(
                        "module",
                        model::module_counts(on),
                        ours,
                        format!("1/{:.1}", theirs / ours),
                    );
                }
            }
        }
    }
    let _ = writeln!(out, "{table}");
}

fn verdict(out: &mut String, title: &str, checks: &[Check]) -> bool {
    let mut table = Table::new(3, &["", "host", "figure", "found", "at most"]);
    let show = |v: f64| {
        if v.fract() == 0.0 {
            format!("{v:.0}")
        } else {
            format!("{v:.3}")
        }
    };
    for check in checks {
        table.row(vec![
            if check.passed() { "ok" } else { "MISSED" }.into(),
            check.on.clone(),
            check.what.into(),
            show(check.found),
            show(check.limit),
        ]);
    }
    let missed = checks.iter().filter(|c| !c.passed()).count();
    let _ = writeln!(
        out,
        "## {title}\n\n{table}\n{} of {} missed\n",
        missed,
        checks.len()
    );
    missed == 0
}

fn plots(results: &Path, pairs: &[Pair<'_>], calibrations: &[Calibration]) -> Result<(), String> {
    let curve = |ours: bool,
                 calibration: Calibration,
                 thin: bool,
                 machines: &dyn Fn(u64) -> Large,
                 steps: &[u64]| {
        let cost = if ours {
            model::module
        } else {
            model::published
        };
        Line {
            name: format!(
                "{}, {}",
                if ours { "module" } else { "published" },
                calibration.name
            ),
            points: steps
                .iter()
                .map(|n| (float(*n), cost(machines(*n), calibration) * 1e3))
                .collect(),
            ours,
            thin,
        }
    };
    let on = |regions, cores| Large {
        regions,
        cores,
        nodes: 8,
        held: false,
    };
    let lines = |machines: &dyn Fn(u64) -> Large, steps: &[u64]| -> Vec<Line> {
        let each = calibrations.iter().enumerate();
        each.flat_map(|(i, c)| [false, true].map(|ours| curve(ours, *c, i > 0, machines, steps)))
            .collect()
    };
    let cores: Vec<u64> = (4..=10).map(|n| 1 << n).collect();
    let regions: Vec<u64> = [64, 128, 256, 512, 1024, 2048, 3072, 4096, 6144, 8192, 12288].into();
    plot::draw(
        &results.join("model.svg"),
        &[
            Diagram {
                title: "A cold pass over 2 TiB, 8 nodes (modelled)".into(),
                x: "cores",
                y: "ms",
                lines: lines(&|n| on(TABLE, n), &cores),
            },
            Diagram {
                title: "A cold pass, 512 cores, 8 nodes (modelled; published ends at 2 TiB)".into(),
                x: "regions (GiB)",
                y: "ms",
                lines: lines(&|n| on(n, CORES), &regions),
            },
        ],
    )?;

    let counted =
        |title: &str, y, of: &dyn Fn(&Run) -> Result<u64, String>| -> Result<Diagram, String> {
            let mut lines = Vec::new();
            let mut sizes: Vec<usize> = pairs.iter().map(|p| p.module.host.regions.len()).collect();
            sizes.dedup();
            for (i, size) in sizes.iter().rev().enumerate() {
                for ours in [false, true] {
                    let mut points = Vec::new();
                    for pair in pairs
                        .iter()
                        .filter(|p| p.module.host.regions.len() == *size)
                    {
                        let run = if ours { pair.module } else { pair.published };
                        points.push((float(number(run.host.cores)), float(of(run)?)));
                    }
                    lines.push(Line {
                        name: format!(
                            "{}, {size} regions",
                            if ours { "module" } else { "published" }
                        ),
                        points,
                        ours,
                        thin: i > 0,
                    });
                }
            }
            Ok(Diagram {
                title: title.into(),
                x: "cores",
                y,
                lines,
            })
        };
    plot::draw(
        &results.join("counted.svg"),
        &[
            counted("A cold pass: RMPOPT (counted)", "RMPOPT", &|run| {
                Ok(check::step(run, "cold")?.rmpopt())
            })?,
            counted(
                "A cold pass: kernel instructions of the worst core (counted)",
                "instructions",
                &|run| {
                    let idle = check::step(run, "idle")?;
                    Ok(worst(&check::step(run, "cold")?.net(idle).instructions))
                },
            )?,
        ],
    )
}
