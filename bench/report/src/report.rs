// SPDX-License-Identifier: GPL-2.0

//! What `make bench` prints.

use crate::check::{self, Check, Runs};
use crate::counted;
use crate::document;
use crate::model::{self, Calibration, Large, CLOCK, CORES, TABLE};
use crate::plot::{self, Diagram, Line};
use crate::run::{float, number, worst, Algorithm, Run};
use crate::table::Table;
use std::fmt::Write;
use std::path::Path;

/// NUMA nodes of two sockets with one, two and four nodes each.
const NODES: [u64; 3] = [2, 4, 8];

/// Prints everything, draws the plots. `false` if a required figure is missed, or if the document tells another
/// one; with `write` its tables are replaced instead.
pub fn report(results: &Path, document: &Path, write: bool) -> Result<bool, String> {
    let runs = read(results)?;
    let hosts = hosts(&runs)?;
    let calibrations = [model::AFTER_GUESTS, model::at_boot()];

    let mut text = String::new();
    counted::counted(&mut text, &hosts)?;
    counted::probes(&mut text, &hosts);
    modelled(&mut text, &calibrations);

    let mut checks = Vec::new();
    let mut formulas = Vec::new();
    let mut blocks = vec![document::modelled()];
    for host in &hosts {
        let of_host = check::host(host)?;
        blocks.extend(document::of_host(host, &of_host)?);
        checks.extend(of_host);
        formulas.extend(check::formulas(host)?);
    }
    checks.extend(check::large(&NODES, &calibrations));
    let mut passed = verdict(
        &mut text,
        "Formulas of the model against the counts",
        &formulas,
    ) & verdict(&mut text, "Required figures", &checks);

    let _ = writeln!(text, "## {}\n", document.display());
    for block in &blocks {
        let _ = writeln!(text, "{block}");
    }
    let stands = crate::read(document)?;
    if write {
        let new = document::replace(&stands, &blocks)?;
        std::fs::write(document, new).map_err(|e| format!("{}: {e}", document.display()))?;
    }
    for difference in document::differences(&crate::read(document)?, &blocks)? {
        let _ = writeln!(text, "{}: {difference}", document.display());
        passed = false;
    }

    print!("{text}");
    let file = results.join("report.txt");
    std::fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    plots(results, &hosts, &calibrations)?;
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

fn hosts(runs: &[Run]) -> Result<Vec<Runs<'_>>, String> {
    let of = |algorithm: Algorithm| runs.iter().filter(move |r| r.algorithm == algorithm);
    let mut hosts = Vec::new();
    for module in of(Algorithm::Module) {
        let same = |algorithm: Algorithm| {
            let found = of(algorithm).find(|r| r.host == module.host);
            found.ok_or_else(|| {
                let (cpus, regions) = (module.host.cpus, module.host.regions.len());
                let name = algorithm.name();
                format!("{cpus}x{regions}: {name} was not measured on the same host")
            })
        };
        hosts.push(Runs {
            june: same(Algorithm::June)?,
            taken: same(Algorithm::Taken)?,
            module,
            assist: same(Algorithm::Assist)?,
        });
    }
    if hosts.is_empty() {
        return Err("there are no results".into());
    }
    hosts.sort_by_key(|p| (p.module.host.regions.len(), p.module.host.cpus));
    Ok(hosts)
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
            "off, ms",
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
                    let ours = model::module(on, *calibration);
                    for (name, counts, seconds, off) in [
                        (
                            "june",
                            model::june_counts(on),
                            model::june(on, *calibration),
                            model::june_off(on),
                        ),
                        (
                            "taken",
                            model::taken_counts(on),
                            model::taken(on, *calibration),
                            model::taken_off(on),
                        ),
                        (
                            "module",
                            model::module_counts(on),
                            ours,
                            model::module_off(on, *calibration),
                        ),
                    ] {
                        table.row(vec![
                            format!("{tib} TiB, {CORES} cores, {nodes} nodes"),
                            case.into(),
                            name.into(),
                            counts.covered.to_string(),
                            counts.rmpopt.to_string(),
                            counts.scans.to_string(),
                            counts.interrupts.to_string(),
                            format!("{:.1}", seconds * 1e3),
                            format!("{:.2}", off * 1e3),
                            format!("1/{:.1}", seconds / ours),
                        ]);
                    }
                }
            }
        }
    }
    let _ = writeln!(out, "{table}");
}

fn verdict(out: &mut String, title: &str, checks: &[Check]) -> bool {
    let mut table = Table::new(3, &["", "host", "figure", "found", "at most"]);
    for check in checks {
        table.row(vec![
            if check.passed() { "ok" } else { "MISSED" }.into(),
            check.on.clone(),
            check.what.into(),
            document::figure(check.found),
            document::figure(check.limit),
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

fn plots(results: &Path, hosts: &[Runs<'_>], calibrations: &[Calibration]) -> Result<(), String> {
    type Cost = fn(Large, Calibration) -> f64;
    const COSTS: [(&str, Cost); 3] = [
        ("june", model::june),
        ("taken", model::taken),
        ("module", model::module),
    ];
    let on = |regions, cores| Large {
        regions,
        cores,
        nodes: 8,
        held: false,
    };
    let lines = |machines: &dyn Fn(u64) -> Large, steps: &[u64]| -> Vec<Line> {
        let mut lines = Vec::new();
        for (i, calibration) in calibrations.iter().enumerate() {
            for (name, cost) in COSTS {
                let ms = |n: &u64| (float(*n), cost(machines(*n), *calibration) * 1e3);
                lines.push(Line {
                    name: format!("{name}, {}", calibration.name),
                    points: steps.iter().map(ms).collect(),
                    ours: name == "module",
                    thin: i > 0,
                });
            }
        }
        lines
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
                title: "A cold pass, 512 cores, 8 nodes (modelled; june and taken end at 2 TiB)"
                    .into(),
                x: "regions (GiB)",
                y: "ms",
                lines: lines(&|n| on(n, CORES), &regions),
            },
        ],
    )?;

    let counted =
        |title: &str, y, of: &dyn Fn(&Run) -> Result<u64, String>| -> Result<Diagram, String> {
            let mut lines = Vec::new();
            let mut sizes: Vec<usize> = hosts.iter().map(|h| h.module.host.regions.len()).collect();
            sizes.dedup();
            for (i, size) in sizes.iter().rev().enumerate() {
                let hosts: Vec<&Runs<'_>> = hosts
                    .iter()
                    .filter(|h| h.module.host.regions.len() == *size)
                    .collect();
                for each in 0..3 {
                    let runs = hosts.iter().filter_map(|h| h.all().get(each).copied());
                    let runs: Vec<&Run> = runs.collect();
                    let Some(algorithm) = runs.first().map(|r| r.algorithm) else {
                        continue;
                    };
                    let mut points = Vec::new();
                    for run in runs {
                        points.push((float(number(run.host.cores)), float(of(run)?)));
                    }
                    lines.push(Line {
                        name: format!("{}, {size} regions", algorithm.name()),
                        points,
                        ours: algorithm.ours(),
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
