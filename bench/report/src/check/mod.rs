// SPDX-License-Identifier: GPL-2.0

//! The required figures.

use crate::model::{self, Calibration, Large};
use crate::run::{float, number, worst, Host, Run, Step};

/// Where the worst cases are asked for: the other hosts are too small for a ratio, or the machine below is
/// too small for the host.
const LARGE_HOST_REGIONS: usize = 204;

/// From how many cores on the published algorithm's interrupts are those of a broadcast. With one other
/// core only, the kernel calls that one, and spares the interrupt where it idles polling
/// (`kernel/smp.c`: `send_call_function_single_ipi`); the caller hardly waits.
const BROADCAST_CORES: usize = 3;
const TIMED_CORES: usize = 8;

/// One required figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The host, or "model".
    pub on: String,
    /// What is asked for.
    pub what: &'static str,
    /// What was found.
    pub found: f64,
    /// What it may be at most.
    pub limit: f64,
}

impl Check {
    /// Whether it is reached.
    pub fn passed(&self) -> bool {
        self.found <= self.limit
    }
}

/// Both algorithms on the same host.
pub struct Pair<'a> {
    /// The published algorithm.
    pub published: &'a Run,
    /// The module.
    pub module: &'a Run,
}

impl Pair<'_> {
    /// The host, as in `SHAPES`.
    pub fn shape(&self) -> String {
        let Host { cpus, regions, .. } = &self.module.host;
        format!("{cpus}x{}", regions.len())
    }
}

/// A step that has to be there.
pub fn step<'a>(run: &'a Run, name: &str) -> Result<&'a Step, String> {
    run.steps
        .get(name)
        .ok_or_else(|| format!("{}: no step {name}", run.algorithm.name()))
}

/// All figures of one host.
pub fn host(pair: &Pair<'_>) -> Result<Vec<Check>, String> {
    let host = &pair.module.host;
    let mut checks = Vec::new();
    let mut add = |what, found: u64, limit: u64| {
        checks.push(Check {
            on: pair.shape(),
            what,
            found: float(found),
            limit: float(limit),
        });
    };
    let (regions, cores) = (number(host.regions.len()), number(host.cores));
    let idle = step(pair.module, "idle")?;
    let cold = step(pair.module, "cold")?;
    add("unasked: RMPOPT", idle.rmpopt(), 0);
    add("cold: scans", cold.scans, regions);
    // Too few would be no better.
    add(
        "cold: scans that are missing",
        regions.saturating_sub(cold.scans),
        0,
    );
    add(
        "cold: RMPOPT, scans + (cores - 1) x free",
        cold.rmpopt(),
        cold.scans + (cores - 1) * host.free(),
    );
    let traced = pair.module.traced.as_ref();
    let traced = traced.ok_or("module: interrupts were not traced")?;
    let sent = traced.work.iter().zip(&traced.wake).map(|(a, b)| a + b);
    add(
        "cold: function-call interrupts, worst core",
        sent.max().unwrap_or(0),
        2,
    );
    add("cold: those to several CPUs at once", traced.broadcast, 0);
    if regions >= cores {
        add(
            "cold: cores in one region at once",
            cold.most_cores_in_region,
            2,
        );
    }
    let held = step(pair.module, "every_region_held")?;
    add(
        "all held: RMPOPT beyond the leaders'",
        held.rmpopt(),
        regions,
    );
    let guest = step(pair.module, "guest_of_8_gib")?;
    add("8 GiB end: scans", guest.scans, 8);
    add("8 GiB end: RMPOPT, 8 x cores", guest.rmpopt(), 8 * cores);
    for name in ["one_region", "guest_of_8_gib", "timed", "every_guest"] {
        add(
            "guests end: not optimised in time",
            u64::from(step(pair.module, name)?.late),
            0,
        );
    }
    if host.cores <= TIMED_CORES {
        let delay = pair.module.delay_ms.unwrap_or(0);
        add(
            "8 GiB end: ms until optimised, delay_ms + 200",
            step(pair.module, "timed")?.optimised_us / 1000,
            delay + 200,
        );
    }
    if let Some(probe) = Probe::of(pair.module) {
        add("a probed call: kernel instructions", probe.all, 499);
        add("a probed call: of these ours", probe.ours, 99);
    }
    if host.regions.len() >= LARGE_HOST_REGIONS && host.cores >= BROADCAST_CORES {
        let theirs = step(pair.published, "cold")?.net(step(pair.published, "idle")?);
        let ours = cold.net(idle);
        checks.push(Check {
            on: pair.shape(),
            what: "cold: kernel instructions, worst core, of published",
            found: float(worst(&ours.instructions)) / float(worst(&theirs.instructions).max(1)),
            limit: 0.2,
        });
    }
    Ok(checks)
}

/// Whether the counts that the model extends are those that were counted: a formula that is wrong says
/// nothing about a large machine.
pub fn formulas(pair: &Pair<'_>) -> Result<Vec<Check>, String> {
    let host = &pair.module.host;
    let mut checks = Vec::new();
    let mut equal = |what, found: u64, formula: u64| {
        checks.push(Check {
            on: pair.shape(),
            what,
            found: float(found.abs_diff(formula)),
            limit: 0.0,
        });
    };
    let theirs = step(pair.published, "cold")?;
    let span = Large {
        regions: host.span(),
        cores: number(host.cores),
        nodes: number(host.nodes),
        held: false,
    };
    let counts = model::published_counts(span);
    equal(
        "published: counted RMPOPT - formula",
        theirs.rmpopt(),
        counts.rmpopt,
    );
    let (ours, free) = (step(pair.module, "cold")?, host.free());
    let formula = number(host.regions.len()) + (number(host.cores) - 1) * free;
    equal("module: counted RMPOPT - formula", ours.rmpopt(), formula);
    if host.cores >= BROADCAST_CORES {
        checks.push(Check {
            on: pair.shape(),
            what: "published: interrupts of a core, formula, at most counted",
            found: float(counts.interrupts),
            limit: float(worst(&theirs.function_calls)),
        });
    }
    Ok(checks)
}

/// The figure of the cost model: for each calibration and number of nodes.
pub fn large(nodes: &[u64], calibrations: &[Calibration]) -> Vec<Check> {
    let mut checks = Vec::new();
    for calibration in calibrations {
        for nodes in nodes {
            let on = Large {
                regions: model::TABLE,
                cores: model::CORES,
                nodes: *nodes,
                held: false,
            };
            checks.push(Check {
                on: format!("{} nodes, {}", nodes, calibration.name),
                what: "2 TiB, 512 cores: modelled time, of published",
                found: model::module(on, *calibration) / model::published(on, *calibration),
                limit: 0.1,
            });
        }
    }
    checks
}

/// What a conversion costs more when it is probed, in kernel instructions per call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// With the module.
    pub all: u64,
    /// Of these beyond an empty probe's. All of them, where the module has something cheaper than fprobe:
    /// then an empty one is no measure.
    pub ours: u64,
    /// What an empty fprobe costs.
    pub empty: u64,
}

impl Probe {
    /// `None` where it was not measured, or the module does not probe.
    pub fn of(run: &Run) -> Option<Self> {
        run.delay_ms?;
        let call = |name: &str| {
            let step = run.steps.get(name)?;
            step.own_instructions.checked_div(step.rmpupdate)
        };
        let (without, with, bare) = (
            call("conversions_without")?,
            call("conversions_with")?,
            call("conversions_bare")?,
        );
        let (all, empty) = (with.saturating_sub(without), bare.saturating_sub(without));
        Some(Self {
            all,
            ours: all.checked_sub(empty).unwrap_or(all),
            empty,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::run::{Algorithm, Traced};
    use std::collections::BTreeMap;

    /// A run on 4 cores with 204 free regions in which all is as asked for.
    fn run(algorithm: Algorithm) -> Run {
        let step = |verify, scans, instructions| Step {
            samples: 1,
            verify,
            scans,
            most_cores_in_region: 1,
            function_calls: vec![0; 4],
            reschedules: vec![0; 4],
            instructions: vec![instructions; 4],
            ..Step::default()
        };
        let published = algorithm == Algorithm::Published;
        let cold = if published { 10_000 } else { 1000 };
        let mut steps: BTreeMap<String, Step> = [
            ("idle", step(0, 0, 0)),
            ("cold", step(816, 204, cold)),
            ("every_region_held", step(204, 204, 0)),
            ("one_region", step(4, 1, 0)),
            ("guest_of_8_gib", step(32, 8, 0)),
            ("timed", step(32, 8, 0)),
            ("every_guest", step(816, 204, 0)),
        ]
        .map(|(name, step)| (name.into(), step))
        .into();
        for (name, cost) in [("without", 500), ("with", 580), ("bare", 1200)] {
            let conversions = Step {
                own_instructions: cost * 10,
                rmpupdate: 10,
                ..Step::default()
            };
            steps.insert(format!("conversions_{name}"), conversions);
        }
        Run {
            algorithm,
            kernel: "7.3.4".into(),
            emulator: "x".into(),
            host: Host {
                cpus: 8,
                cores: 4,
                threads: 2,
                nodes: 2,
                regions: (0..204).collect(),
                firmware: Vec::new(),
            },
            delay_ms: Some(500),
            traced: Some(Traced {
                work: vec![2, 1, 2, 2],
                wake: vec![0, 1, 0, 0],
                broadcast: 0,
            }),
            steps,
        }
    }

    /// What makes a run miss a figure.
    type Change = fn(&mut Run);

    fn missed(change: Change) -> Vec<&'static str> {
        let published = run(Algorithm::Published);
        let mut module = run(Algorithm::Module);
        change(&mut module);
        let pair = Pair {
            published: &published,
            module: &module,
        };
        let checks = host(&pair).unwrap();
        assert!(checks.len() >= 17);
        let missed = checks.iter().filter(|c| !c.passed());
        missed.map(|c| c.what).collect()
    }

    fn of<'a>(run: &'a mut Run, name: &str) -> &'a mut Step {
        run.steps.get_mut(name).unwrap()
    }

    #[test]
    fn all_as_asked_for() {
        assert_eq!(missed(|_| ()), [""; 0]);
    }

    #[test]
    fn each_figure_can_be_missed() {
        let changes: [(Change, &str); 11] = [
            (|r| of(r, "idle").verify = 1, "unasked: RMPOPT"),
            (
                |r| (of(r, "cold").scans, of(r, "cold").verify) = (203, 815),
                "cold: scans that are missing",
            ),
            (
                |r| of(r, "cold").verify = 817,
                "cold: RMPOPT, scans + (cores - 1) x free",
            ),
            (
                |r| of(r, "cold").most_cores_in_region = 3,
                "cold: cores in one region at once",
            ),
            (
                |r| of(r, "cold").instructions[2] = 2001,
                "cold: kernel instructions, worst core, of published",
            ),
            (
                |r| r.traced.as_mut().unwrap().work[1] = 3,
                "cold: function-call interrupts, worst core",
            ),
            (
                |r| r.traced.as_mut().unwrap().wake[1] = 2,
                "cold: function-call interrupts, worst core",
            ),
            (
                |r| of(r, "every_region_held").verify = 205,
                "all held: RMPOPT beyond the leaders'",
            ),
            (
                |r| of(r, "guest_of_8_gib").verify = 33,
                "8 GiB end: RMPOPT, 8 x cores",
            ),
            (
                |r| of(r, "timed").optimised_us = 701_000,
                "8 GiB end: ms until optimised, delay_ms + 200",
            ),
            (
                |r| of(r, "every_guest").late = true,
                "guests end: not optimised in time",
            ),
        ];
        for (change, what) in changes {
            assert_eq!(missed(change), [what]);
        }
    }

    #[test]
    fn a_probe_is_ours_beyond_an_empty_one_or_all_of_it() {
        let mut run = run(Algorithm::Module);
        assert_eq!(
            Probe::of(&run),
            Some(Probe {
                all: 80,
                ours: 80,
                empty: 700
            })
        );
        of(&mut run, "conversions_with").own_instructions = 12_500;
        assert_eq!(
            Probe::of(&run),
            Some(Probe {
                all: 750,
                ours: 50,
                empty: 700
            })
        );
    }

    #[test]
    fn the_large_machine_is_within_its_limit() {
        let checks = large(&[2, 8], &[model::AFTER_GUESTS, model::at_boot()]);
        assert_eq!(checks.len(), 4);
        assert!(checks.iter().all(Check::passed), "{checks:?}");
    }
}
