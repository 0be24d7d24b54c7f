// SPDX-License-Identifier: GPL-2.0

//! The required figures.

use crate::model::{self, Calibration, Large};
use crate::run::{float, number, worst, Host, Run, Step};

/// Where the worst cases are asked for: the other hosts are too small for a ratio, or the machine below is
/// too small for the host.
const LARGE_HOST_REGIONS: usize = 204;
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
    add(
        "cold: function-call interrupts with work, worst core",
        worst(&traced.work),
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
    if host.regions.len() >= LARGE_HOST_REGIONS {
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
    checks.push(Check {
        on: pair.shape(),
        what: "published: interrupts of a core, formula, at most counted",
        found: float(counts.interrupts),
        limit: float(worst(&theirs.function_calls)),
    });
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
    /// Of these beyond an empty probe's.
    pub ours: u64,
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
        Some(Self {
            all: with.saturating_sub(without),
            ours: with.saturating_sub(bare.max(without)),
        })
    }
}
