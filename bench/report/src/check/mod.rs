// SPDX-License-Identifier: GPL-2.0

//! The required figures.

use crate::model::{self, Calibration, Large};
use crate::run::{float, number, worst, Algorithm, Done, Host, Run, Step};

/// Where the worst cases are asked for: the other hosts are too small for a ratio, or the machine below is
/// too small for the host.
const LARGE_HOST_REGIONS: usize = 204;

/// From how many cores on the June version's interrupts are those of a broadcast. With one other core
/// only, the kernel calls that one, and spares the interrupt where it idles polling
/// (`kernel/smp.c`: `send_call_function_single_ipi`); the caller hardly waits.
const BROADCAST_CORES: usize = 3;
const TIMED_CORES: usize = 8;

/// The hosts on which guests come and go all the time.
const CHURN_CPUS: usize = 16;
/// Of what could have been optimised there, so much may be missing.
const CHURN_MISSING: f64 = 0.15;
/// So much may two boots of the module differ in it.
const CHURN_SPREAD: f64 = 0.01;

/// The steps in which guests end.
const ENDS: [&str; 4] = ["one_region", "guest_of_8_gib", "every_guest", "churn"];

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

/// All algorithms on the same host.
pub struct Runs<'a> {
    /// As published in June.
    pub june: &'a Run,
    /// As taken.
    pub taken: &'a Run,
    /// The module.
    pub module: &'a Run,
    /// The module beside a kernel with the taken algorithm.
    pub assist: &'a Run,
}

impl<'a> Runs<'a> {
    /// All of them, in the order of the tables.
    pub fn all(&self) -> [&'a Run; 4] {
        [self.june, self.taken, self.module, self.assist]
    }
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
pub fn host(pair: &Runs<'_>) -> Result<Vec<Check>, String> {
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
    add("unasked: RMPOPT", idle.work(), 0);
    add("cold: scans", cold.scans, regions);
    // Too few would be no better.
    add(
        "cold: scans that are missing",
        regions.saturating_sub(cold.scans),
        0,
    );
    add(
        "cold: RMPOPT, scans + (cores - 1) x free",
        cold.work(),
        cold.scans + (cores - 1) * host.free(),
    );
    let traced = pair.module.traced.as_ref();
    let traced = traced.ok_or("module: interrupts were not traced")?;
    add(
        "cold: function-call interrupts with work, worst core",
        traced.work.iter().copied().max().unwrap_or(0),
        2,
    );
    // The request, and the end of each round. The thread sits on any core, as the scheduler likes.
    add(
        "cold: those that wake the thread",
        traced.wake.iter().sum(),
        3,
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
    add("all held: RMPOPT beyond the leaders'", held.work(), regions);
    let guest = step(pair.module, "guest_of_8_gib")?;
    add("8 GiB end: scans", guest.scans, 8);
    add("8 GiB end: RMPOPT, 8 x cores", guest.work(), 8 * cores);
    let mut late = 0;
    for name in ["one_region", "guest_of_8_gib", "timed", "every_guest"] {
        late += u64::from(step(pair.module, name)?.late);
    }
    add("guests end: steps not optimised in time", late, 0);
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
        let theirs = step(pair.june, "cold")?.net(step(pair.june, "idle")?);
        let ours = cold.net(idle);
        checks.push(Check {
            on: pair.shape(),
            what: "cold: kernel instructions, worst core, of june",
            found: float(worst(&ours.instructions)) / float(worst(&theirs.instructions).max(1)),
            limit: 0.2,
        });
    }
    for run in [pair.module, pair.assist] {
        // What the kernel does in its own passes is not the module's.
        let ours = run
            .steps
            .iter()
            .filter(|(name, _)| !name.starts_with("swept"));
        let off = ours.map(|(_, step)| step.longest_off().rmpopt);
        checks.push(Check {
            on: pair.shape(),
            what: match run.algorithm {
                Algorithm::Assist => "assist: RMPOPT with interrupts off",
                _ => "RMPOPT with interrupts off",
            },
            found: float(off.max().unwrap_or(0)),
            limit: 1.0,
        });
    }
    assist(pair, &mut checks)?;
    churn(pair, &mut checks)?;
    Ok(checks)
}

/// Beside a kernel with RMPOPT the module does no more than alone, and the kernel's pass has nothing to do.
fn assist(pair: &Runs<'_>, checks: &mut Vec<Check>) -> Result<(), String> {
    let mut beyond = Done::default();
    for name in ENDS {
        let (Some(alone), Some(beside)) =
            (pair.module.steps.get(name), pair.assist.steps.get(name))
        else {
            continue;
        };
        let rmpopt = beside.work().saturating_sub(alone.work());
        beyond.rmpopt = beyond.rmpopt.max(rmpopt);
        let scans = beside.scans.saturating_sub(alone.scans);
        beyond.scans = beyond.scans.max(scans);
        if beside.late {
            return Err(format!("assist: {name}: not optimised in time"));
        }
    }
    let swept = step(pair.assist, "swept")?;
    let free = swept.scans.saturating_sub(swept.failed_scans);
    for (what, found) in [
        (
            "assist, guests end: RMPOPT beyond the module's alone",
            beyond.rmpopt,
        ),
        (
            "assist, guests end: scans beyond the module's alone",
            beyond.scans,
        ),
        (
            "assist: what the kernel's pass has left to do: free regions",
            free,
        ),
    ] {
        checks.push(Check {
            on: pair.shape(),
            what,
            found: float(found),
            limit: 0.0,
        });
    }
    Ok(())
}

/// Guests come and go: what is missing of the GiB-seconds that could have been optimised.
fn churn(pair: &Runs<'_>, checks: &mut Vec<Check>) -> Result<(), String> {
    if pair.module.host.cpus != CHURN_CPUS {
        return Ok(());
    }
    let missing = |run: &Run| -> Result<f64, String> {
        let watched = step(run, "churn")?.watched;
        let watched = watched.ok_or("churn: no region was looked at")?;
        Ok(1.0 - watched.share())
    };
    let (alone, beside) = (missing(pair.module)?, missing(pair.assist)?);
    for (what, found, limit) in [
        (
            "churn: share of GiB-seconds not optimised",
            alone,
            CHURN_MISSING,
        ),
        (
            "churn, assist: share less than the module's alone",
            (beside - alone).max(0.0),
            CHURN_SPREAD,
        ),
    ] {
        checks.push(Check {
            on: pair.shape(),
            what,
            found,
            limit,
        });
    }
    Ok(())
}

/// Whether the counts that the model extends are those that were counted: a formula that is wrong says
/// nothing about a large machine.
pub fn formulas(pair: &Runs<'_>) -> Result<Vec<Check>, String> {
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
    let theirs = step(pair.june, "cold")?;
    let span = Large {
        regions: host.span(),
        cores: number(host.cores),
        nodes: number(host.nodes),
        held: false,
    };
    let counts = model::june_counts(span);
    equal(
        "june: counted RMPOPT - formula",
        theirs.rmpopt(),
        counts.rmpopt,
    );
    let taken = step(pair.taken, "cold")?;
    equal(
        "taken: counted RMPOPT - formula",
        taken.rmpopt(),
        model::taken_counts(span).rmpopt,
    );
    equal(
        "taken: RMPOPT with interrupts off - formula",
        taken.longest_off().rmpopt,
        host.span(),
    );
    let (ours, free) = (step(pair.module, "cold")?, host.free());
    let formula = number(host.regions.len()) + (number(host.cores) - 1) * free;
    equal("module: counted RMPOPT - formula", ours.work(), formula);
    if host.cores >= BROADCAST_CORES {
        checks.push(Check {
            on: pair.shape(),
            what: "june: interrupts of a core, formula, at most counted",
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
                what: "2 TiB, 512 cores: modelled time, of june",
                found: model::module(on, *calibration) / model::june(on, *calibration),
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
mod tests;
