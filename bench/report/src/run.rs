// SPDX-License-Identifier: GPL-2.0

//! What was measured in one boot, as it lies in `bench/results/`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose work was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// As published in June 2026.
    June,
    /// As taken into the x86 tree in September 2026.
    Taken,
    /// This module.
    Module,
    /// This module, beside a kernel with the taken algorithm.
    Assist,
}

impl Algorithm {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::June => "june",
            Self::Taken => "taken",
            Self::Module => "module",
            Self::Assist => "assist",
        }
    }

    /// It is the module that works.
    pub fn ours(self) -> bool {
        matches!(self, Self::Module | Self::Assist)
    }
}

/// The emulated host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// All threads.
    pub cpus: usize,
    /// All cores.
    pub cores: usize,
    /// Threads of a core.
    pub threads: usize,
    /// NUMA nodes.
    pub nodes: usize,
    /// Regions with RAM.
    pub regions: Vec<u64>,
    /// Those of them with pages that the firmware has assigned: they are never free.
    pub firmware: Vec<u64>,
}

impl Host {
    /// Regions from the lowest to the highest RAM, holes too.
    pub fn span(&self) -> u64 {
        match (self.regions.first(), self.regions.last()) {
            (Some(first), Some(last)) => last - first + 1,
            _ => 0,
        }
    }

    /// Regions with RAM that are free while there is no guest.
    pub fn free(&self) -> u64 {
        number(self.regions.len().saturating_sub(self.firmware.len()))
    }
}

/// RMPOPT of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreRmpopt {
    /// Function 0.
    pub verify: u64,
    /// Function 1.
    pub report: u64,
    /// Verify that read the RMP.
    pub scans: u64,
}

/// What a CPU has done at most in some stretch. Each number is the most for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Kernel instructions.
    pub instructions: u64,
    /// RMPOPT.
    pub rmpopt: u64,
    /// Of these those that read the RMP.
    pub scans: u64,
}

impl Done {
    /// Makes one number of each of these by that function.
    pub fn each(all: &[Self], by: fn(&[u64]) -> u64) -> Self {
        let of = |number: fn(&Self) -> u64| by(&all.iter().map(number).collect::<Vec<_>>());
        Self {
            instructions: of(|d| d.instructions),
            rmpopt: of(|d| d.rmpopt),
            scans: of(|d| d.scans),
        }
    }
}

/// Regions that guests come and go in: for how long they hold no page of a guest, and are optimised meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Sum over the regions, in microseconds.
    pub free_us: u64,
    /// The same; the mean of all cores.
    pub optimised_us: u64,
}

impl Watched {
    /// The share that was optimised of what could have been.
    pub fn share(self) -> f64 {
        float(self.optimised_us) / float(self.free_us.max(1))
    }
}

/// One measured step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How often it was measured. What the step itself causes comes each time, what the rest of
    /// the system does comes now and then: of interrupts and instructions the least of each core
    /// is kept, of all else the most.
    pub samples: u64,
    /// How long it took in the emulated host, to scale the idle baseline.
    pub duration_us: u64,
    /// From the last page given back until all cores had the regions; 0 where that was not asked.
    pub optimised_us: u64,
    /// It was not through when the step gave up.
    pub late: bool,
    /// RMPOPT, function 0.
    pub verify: u64,
    /// RMPOPT, function 1.
    pub report: u64,
    /// Verify that read the RMP.
    pub scans: u64,
    /// Scans that met an assigned page.
    pub failed_scans: u64,
    /// RMP entries that the scans read.
    pub entries_read: u64,
    /// RMPOPT that raised #UD.
    pub faults: u64,
    /// Cores in one region at once, at most.
    pub most_cores_in_region: u64,
    /// RMPUPDATE that succeeded.
    pub rmpupdate: u64,
    /// RMPOPT by core.
    pub by_core: Vec<CoreRmpopt>,
    /// Function-call interrupts by core.
    pub function_calls: Vec<u64>,
    /// Reschedule interrupts by core.
    pub reschedules: Vec<u64>,
    /// Kernel instructions retired, by core.
    pub instructions: Vec<u64>,
    /// What the step takes of each core if it happens once in a second, in millionths: see README.md.
    #[serde(default)]
    pub share_ppm: Vec<u64>,
    /// The most in one stretch with interrupts off, by core.
    #[serde(default)]
    pub interrupts_off: Vec<Done>,
    /// What a CPU did at most before other work on it ran, in each sample.
    #[serde(default)]
    pub waits: Vec<Done>,
    /// Regions that were looked at all the time.
    #[serde(default)]
    pub watched: Option<Watched>,
    /// Kernel instructions retired by the CPU on which the step ran.
    pub own_instructions: u64,
}

impl Step {
    /// All RMPOPT.
    pub fn rmpopt(&self) -> u64 {
        self.verify + self.report
    }

    /// All RMPOPT but the module's look whether everything was lost: one report on one core each second.
    pub fn work(&self) -> u64 {
        let looks = self.duration_us / 1_000_000 + 1;
        self.verify + self.report.saturating_sub(looks)
    }

    /// The longest stretch with interrupts off, of the worst core.
    pub fn longest_off(&self) -> Done {
        Done::each(&self.interrupts_off, worst)
    }

    /// What other work on a core waited for at most: the sample in the middle. The machine below may keep the
    /// CPU that wakes it from waking in time, or let it wake too early.
    pub fn waited(&self) -> Option<Done> {
        (!self.waits.is_empty()).then(|| Done::each(&self.waits, median))
    }

    /// Takes another sample of the same step in.
    pub fn merge(&mut self, other: Self) {
        fn least(of: &mut [u64], other: &[u64]) {
            for (mine, others) in of.iter_mut().zip(other) {
                *mine = (*mine).min(*others);
            }
        }
        least(&mut self.function_calls, &other.function_calls);
        least(&mut self.reschedules, &other.reschedules);
        least(&mut self.instructions, &other.instructions);
        for (mine, others) in self.interrupts_off.iter_mut().zip(other.interrupts_off) {
            *mine = Done::each(&[*mine, others], |of| of.iter().copied().min().unwrap_or(0));
        }
        self.own_instructions = self.own_instructions.min(other.own_instructions);
        self.duration_us = self.duration_us.min(other.duration_us);
        self.samples += other.samples;
        self.late |= other.late;
        for (mine, others) in [
            (&mut self.optimised_us, other.optimised_us),
            (&mut self.failed_scans, other.failed_scans),
            (&mut self.entries_read, other.entries_read),
            (&mut self.faults, other.faults),
            (&mut self.most_cores_in_region, other.most_cores_in_region),
            (&mut self.rmpupdate, other.rmpupdate),
        ] {
            *mine = (*mine).max(others);
        }
        // These belong together: one sample's all.
        if (other.verify + other.report, other.scans) > (self.rmpopt(), self.scans) {
            self.verify = other.verify;
            self.report = other.report;
            self.scans = other.scans;
            self.by_core = other.by_core;
        }
    }

    /// What remains when the idle system's part is taken off, by core.
    pub fn net(&self, idle: &Self) -> Net {
        let scale = match idle.duration_us {
            0 => 0.0,
            us => float(self.duration_us) / float(us),
        };
        let off = |of: &[u64], idle: &[u64]| -> Vec<u64> {
            of.iter()
                .zip(idle)
                .map(|(n, i)| n.saturating_sub(whole(float(*i) * scale)))
                .collect()
        };
        Net {
            function_calls: off(&self.function_calls, &idle.function_calls),
            reschedules: off(&self.reschedules, &idle.reschedules),
            instructions: off(&self.instructions, &idle.instructions),
        }
    }
}

/// A step without the idle system's part, by core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Net {
    /// Function-call interrupts.
    pub function_calls: Vec<u64>,
    /// Reschedule interrupts.
    pub reschedules: Vec<u64>,
    /// Kernel instructions.
    pub instructions: Vec<u64>,
}

/// Function-call interrupts that the module sends in a cold pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Those that bring work to a core, by core.
    pub work: Vec<u64>,
    /// Those that wake its thread, by core.
    pub wake: Vec<u64>,
    /// Those to several CPUs at once.
    pub broadcast: u64,
}

/// One boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Whose work.
    pub algorithm: Algorithm,
    /// The kernel's release.
    pub kernel: String,
    /// The emulator's version.
    pub emulator: String,
    /// The host.
    pub host: Host,
    /// After the last conversion it waits so long. `None`: it does nothing by itself.
    pub delay_ms: Option<u64>,
    /// The module's own function-call interrupts in a cold pass, traced by their stacks.
    pub traced: Option<Traced>,
    /// The steps by name.
    pub steps: BTreeMap<String, Step>,
}

/// The largest of some numbers.
pub fn worst(of: &[u64]) -> u64 {
    of.iter().copied().max().unwrap_or(0)
}

/// The one in the middle: of the published algorithm a core that is interrupted, not the one that interrupts.
pub fn median(of: &[u64]) -> u64 {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Their sum.
pub fn total(of: &[u64]) -> u64 {
    of.iter().sum()
}

/// A length as a number.
pub fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// For ratios and estimates: what is lost above 2^53 does not matter.
#[expect(clippy::as_conversions, reason = "there is no other conversion")]
pub fn float(n: u64) -> f64 {
    n as f64
}

/// Rounded; saturates.
#[expect(clippy::as_conversions, reason = "it saturates, as wanted")]
pub fn whole(x: f64) -> u64 {
    x.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_keeps_the_least_of_each_core() {
        let mut step = Step {
            samples: 1,
            duration_us: 10,
            verify: 8,
            scans: 4,
            most_cores_in_region: 1,
            function_calls: vec![1, 9],
            ..Step::default()
        };
        step.merge(Step {
            samples: 1,
            duration_us: 12,
            verify: 8,
            scans: 4,
            most_cores_in_region: 2,
            function_calls: vec![5, 2],
            ..Step::default()
        });
        assert_eq!(step.function_calls, [1, 2]);
        assert_eq!(step.most_cores_in_region, 2);
        assert_eq!((step.samples, step.duration_us), (2, 10));
    }

    #[test]
    fn of_stretches_the_least_of_each_core_counts_and_of_waits_the_middle() {
        let done = |instructions, rmpopt| Done {
            instructions,
            rmpopt,
            scans: 0,
        };
        let mut step = Step {
            interrupts_off: vec![done(100, 9), done(50, 0)],
            waits: vec![done(900, 0), done(20, 5), done(30, 6)],
            ..Step::default()
        };
        step.merge(Step {
            interrupts_off: vec![done(300, 4), done(40, 1)],
            ..Step::default()
        });
        assert_eq!(step.interrupts_off, [done(100, 4), done(40, 0)]);
        assert_eq!(step.longest_off(), done(100, 4));
        assert_eq!(step.waited(), Some(done(30, 5)));
        assert_eq!(Step::default().waited(), None);
    }

    #[test]
    fn one_report_a_second_is_no_work() {
        let step = |report, duration_us| Step {
            verify: 7,
            report,
            duration_us,
            ..Step::default()
        };
        assert_eq!(step(0, 0).work(), 7);
        assert_eq!(step(1, 999_999).work(), 7);
        assert_eq!(step(2, 999_999).work(), 8);
        assert_eq!(step(3, 2_000_000).work(), 7);
    }

    #[test]
    fn a_share_is_of_what_could_have_been() {
        let watched = Watched {
            free_us: 400,
            optimised_us: 300,
        };
        assert_eq!(watched.share(), 0.75);
        assert_eq!(Watched::default().share(), 0.0);
    }

    #[test]
    fn the_idle_part_is_taken_off_by_duration() {
        let idle = Step {
            duration_us: 1000,
            instructions: vec![100, 1000],
            function_calls: vec![0, 1],
            reschedules: vec![0, 0],
            ..Step::default()
        };
        let step = Step {
            duration_us: 500,
            instructions: vec![80, 300],
            function_calls: vec![2, 2],
            reschedules: vec![3, 4],
            ..Step::default()
        };
        let net = step.net(&idle);
        assert_eq!(net.instructions, [30, 0]);
        assert_eq!(net.function_calls, [2, 1]);
        assert_eq!(net.reschedules, [3, 4]);
    }

    #[test]
    fn of_some_numbers() {
        assert_eq!(
            (worst(&[3, 9, 4]), median(&[3, 9, 4]), total(&[3, 9, 4])),
            (9, 4, 16)
        );
        assert_eq!((worst(&[]), median(&[]), total(&[])), (0, 0, 0));
    }

    #[test]
    fn holes_are_in_the_span() {
        let host = Host {
            cpus: 4,
            cores: 2,
            threads: 2,
            nodes: 2,
            regions: vec![0, 1, 4, 10],
            firmware: vec![1],
        };
        assert_eq!((host.span(), host.free()), (11, 3));
    }
}
