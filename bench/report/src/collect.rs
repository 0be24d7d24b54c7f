// SPDX-License-Identifier: GPL-2.0

//! Makes a [`Run`] of what the guest printed and the emulator counted.

use crate::model::{self, CLOCK};
use crate::run::{
    float, whole, worst, Algorithm, CoreRmpopt, Done, Host, Run, Step, Traced, Watched,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The part of the emulator's report that is used here.
#[derive(Deserialize)]
struct Report {
    taken: BTreeMap<String, Counters>,
}

#[derive(Deserialize)]
struct Counters {
    rmpopt: Rmpopt,
    rmpupdate: Update,
    kernel_instructions: Vec<u64>,
    #[serde(default)]
    interrupts_off: Vec<Done>,
}

#[derive(Deserialize)]
struct Rmpopt {
    verify: u64,
    report: u64,
    scans: u64,
    failed_scans: u64,
    entries_read: u64,
    ud: u64,
    most_cores_in_region: u64,
    by_core: Vec<CoreRmpopt>,
}

#[derive(Deserialize)]
struct Update {
    ok: u64,
}

/// What the guest printed about one step.
#[derive(Default)]
struct Said {
    duration_us: u64,
    optimised_us: u64,
    late: bool,
    watched: Option<Watched>,
    waited: Option<Done>,
    function_calls: Vec<u64>,
    reschedules: Vec<u64>,
}

/// Reads both. `output` is what the guest's script printed, `report` the emulator's JSON.
pub fn collect(output: &str, report: &str) -> Result<Run, String> {
    let report: Report =
        serde_json::from_str(report).map_err(|e| format!("the emulator's report: {e}"))?;
    let mut facts: BTreeMap<&str, &str> = BTreeMap::new();
    let mut said: BTreeMap<&str, Said> = BTreeMap::new();
    let mut done = false;
    for line in output.lines() {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, values) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "done" => done = true,
            "step" => {
                let step = said.entry(name).or_default();
                let values = pairs(values);
                step.duration_us = field(&values, "us", line)?;
                step.optimised_us = field(&values, "optimised_us", line)?;
            }
            "watched" => {
                let values = pairs(values);
                said.entry(name).or_default().watched = Some(Watched {
                    free_us: field(&values, "free_us", line)?,
                    optimised_us: field(&values, "optimised_us", line)?,
                });
            }
            "waited" => {
                let values = pairs(values);
                said.entry(name).or_default().waited = Some(Done {
                    instructions: field(&values, "instructions", line)?,
                    rmpopt: field(&values, "rmpopt", line)?,
                    scans: field(&values, "scans", line)?,
                });
            }
            "late" => said.entry(name).or_default().late = true,
            "cal" => said.entry(name).or_default().function_calls = numbers(values, line)?,
            "res" => said.entry(name).or_default().reschedules = numbers(values, line)?,
            _ => {
                facts.insert(word, rest);
            }
        }
    }
    if !done {
        return Err("the guest's script did not come to its end".into());
    }
    let fact = |key: &str| {
        let found = facts.get(key).copied();
        found.ok_or_else(|| format!("the guest's script did not say: {key}"))
    };
    let shape = fact("host")?;
    let values = pairs(shape);
    let size = |key| -> Result<usize, String> {
        usize::try_from(field(&values, key, shape)?).map_err(|e| e.to_string())
    };
    let host = Host {
        cpus: size("cpus")?,
        cores: size("cores")?,
        threads: size("threads")?,
        nodes: size("nodes")?,
        regions: numbers(&fact("regions")?.replace(',', " "), "regions")?,
        firmware: numbers(fact("firmware")?, "firmware")?,
    };
    if host.threads == 0 || host.cores == 0 || host.cores * host.threads != host.cpus {
        return Err(format!("no such host: {shape}"));
    }
    let mut steps: BTreeMap<String, Step> = BTreeMap::new();
    for (name, said) in said {
        let counters = report
            .taken
            .get(name)
            .ok_or_else(|| format!("the emulator kept no counters of {name}"))?;
        let step = step(said, counters, host.threads);
        // NAME.2 is another sample of NAME; NAME.met one in which RMPOPT took its time; NAME.wait and
        // NAME.wait2 those in which other work waited.
        let (base, sample) = name.split_once('.').unwrap_or((name, ""));
        match steps.get_mut(base) {
            Some(first) if sample == "met" => {
                first.most_cores_in_region = step.most_cores_in_region;
                first.late |= step.late;
            }
            Some(first) if sample.starts_with("wait") => {
                first.waits.extend(step.waits);
                first.late |= step.late;
            }
            Some(first) => first.merge(step),
            None if sample.is_empty() => {
                steps.insert(base.into(), step);
            }
            None => return Err(format!("there is no {base}, but {name}")),
        }
    }
    let mut run = Run {
        algorithm: match fact("algorithm")? {
            "june" => Algorithm::June,
            "taken" => Algorithm::Taken,
            "module" => Algorithm::Module,
            "assist" => Algorithm::Assist,
            other => return Err(format!("no such algorithm: {other}")),
        },
        kernel: fact("kernel")?.into(),
        emulator: fact("emulator")?.into(),
        host,
        delay_ms: match facts.get("delay_ms") {
            Some(ms) => Some(single(ms, "delay_ms")?),
            None => None,
        },
        traced: match facts.get("work") {
            Some(work) => Some(Traced {
                work: numbers(work, "work")?,
                wake: numbers(fact("wake")?, "wake")?,
                broadcast: single(fact("broadcast")?, "broadcast")?,
            }),
            None => None,
        },
        steps,
    };
    share(&mut run);
    Ok(run)
}

/// Fills in what each step costs the cores.
fn share(run: &mut Run) {
    let Some(idle) = run.steps.get("idle").cloned() else {
        return;
    };
    let shares: Vec<Vec<u64>> = run
        .steps
        .values()
        .map(|step| {
            let cycles = model::cycles(run, step, &idle).into_iter();
            cycles.map(|n| whole(float(n) / CLOCK * 1e6)).collect()
        })
        .collect();
    for (step, share) in run.steps.values_mut().zip(shares) {
        step.share_ppm = share;
    }
}

fn single(text: &str, what: &str) -> Result<u64, String> {
    let number = text.trim().parse();
    number.map_err(|_| format!("{text:?} is not a number: {what}"))
}

fn step(said: Said, counters: &Counters, threads: usize) -> Step {
    let by_core = |of: &[u64]| -> Vec<u64> { of.chunks(threads).map(|c| c.iter().sum()).collect() };
    let rmpopt = &counters.rmpopt;
    Step {
        samples: 1,
        duration_us: said.duration_us,
        optimised_us: said.optimised_us,
        late: said.late,
        verify: rmpopt.verify,
        report: rmpopt.report,
        scans: rmpopt.scans,
        failed_scans: rmpopt.failed_scans,
        entries_read: rmpopt.entries_read,
        faults: rmpopt.ud,
        most_cores_in_region: rmpopt.most_cores_in_region,
        rmpupdate: counters.rmpupdate.ok,
        by_core: rmpopt.by_core.clone(),
        function_calls: by_core(&said.function_calls),
        reschedules: by_core(&said.reschedules),
        instructions: by_core(&counters.kernel_instructions),
        share_ppm: Vec::new(),
        interrupts_off: counters
            .interrupts_off
            .chunks(threads)
            .map(|core| Done::each(core, worst))
            .collect(),
        waits: said.waited.into_iter().collect(),
        watched: said.watched,
        own_instructions: counters.kernel_instructions.last().copied().unwrap_or(0),
    }
}

/// `KEY=VALUE` words.
fn pairs(text: &str) -> BTreeMap<&str, &str> {
    text.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect()
}

fn field(values: &BTreeMap<&str, &str>, key: &str, line: &str) -> Result<u64, String> {
    values
        .get(key)
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("no number {key}: {line}"))
}

fn numbers(text: &str, line: &str) -> Result<Vec<u64>, String> {
    text.split_whitespace()
        .map(|word| {
            word.parse()
                .map_err(|_| format!("{word:?} is not a number: {line}"))
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const OUTPUT: &str = "algorithm module\r\n\
        delay_ms 500\r\n\
        host cpus=4 cores=2 threads=2 nodes=2\r\n\
        regions 0,1,4,5,8\r\n\
        firmware 1 \r\n\
        emulator rmpopt-emulator 0.1.0 zen6\r\n\
        kernel 7.3.4+deb13-amd64\r\n\
        work 2 1\r\n\
        wake 0 2\r\n\
        broadcast 0\r\n\
        step cold us=2000 optimised_us=0 polls=3\r\n\
        cal cold 1 0 2 1\r\n\
        res cold 5 6 7 8\r\n\
        step cold.2 us=1900 optimised_us=0 polls=3\r\n\
        cal cold.2 0 0 3 3\r\n\
        res cold.2 1 1 1 1\r\n\
        step cold.met us=9000 optimised_us=0 polls=3\r\n\
        cal cold.met 9 9 9 9\r\n\
        res cold.met 9 9 9 9\r\n\
        step cold.wait us=2000 optimised_us=0 polls=3\r\n\
        waited cold.wait instructions=70 rmpopt=3 scans=1 wakes=9\r\n\
        cal cold.wait 9 9 9 9\r\n\
        res cold.wait 9 9 9 9\r\n\
        watched idle free_us=80 optimised_us=60\r\n\
        step idle us=2000 optimised_us=0 polls=3\r\n\
        cal idle 0 0 0 0\r\n\
        res idle 0 0 0 0\r\n\
        done\r\n";

    fn report() -> String {
        let counters = r#"{"rmpopt": {"verify": 9, "report": 0, "other": 0, "success": 8, "fail": 1,
            "scans": 5, "failed_scans": 1, "entries_read": 2100, "ud": 0, "most_cores_in_region": 2,
            "by_core": [{"core": 0, "verify": 5, "report": 0, "success": 4, "scans": 3, "ud": 0},
                        {"core": 1, "verify": 4, "report": 0, "success": 4, "scans": 2, "ud": 0}],
            "by_region": {}}, "rmpupdate": {"ok": 0, "fail": 0, "assign": 0, "release": 0},
            "kernel_instructions": [100, 10, 200, 20], "interrupts_off": [
            {"instructions": 5, "rmpopt": 2, "scans": 1}, {"instructions": 7, "rmpopt": 0, "scans": 0},
            {"instructions": 0, "rmpopt": 0, "scans": 0}, {"instructions": 3, "rmpopt": 0, "scans": 0}]}"#;
        let met = counters.replace(
            r#""most_cores_in_region": 2"#,
            r#""most_cores_in_region": 5"#,
        );
        let idle = counters.replace("[100, 10, 200, 20]", "[0, 0, 0, 0]");
        format!(
            r#"{{"violation": null, "taken":
                {{"idle": {idle}, "cold": {counters}, "cold.2": {counters}, "cold.met": {met},
                  "cold.wait": {idle}}}}}"#
        )
    }

    #[test]
    fn a_run_is_put_together() {
        let run = collect(OUTPUT, &report()).unwrap();
        assert_eq!(run.algorithm, Algorithm::Module);
        assert_eq!(run.delay_ms, Some(500));
        assert_eq!(run.host.regions, [0, 1, 4, 5, 8]);
        assert_eq!(run.host.firmware, [1]);
        assert_eq!(run.kernel, "7.3.4+deb13-amd64");
        let cold = &run.steps["cold"];
        assert_eq!(cold.samples, 2);
        assert_eq!(cold.most_cores_in_region, 5);
        assert_eq!(cold.function_calls, [0, 3]);
        assert_eq!(cold.reschedules, [2, 2]);
        assert_eq!(cold.instructions, [110, 220]);
        assert_eq!((cold.verify, cold.scans), (9, 5));
        let most = Done {
            instructions: 7,
            rmpopt: 2,
            scans: 1,
        };
        assert_eq!(cold.longest_off(), most);
        assert_eq!(
            cold.waited().map(|w| (w.instructions, w.rmpopt)),
            Some((70, 3))
        );
        assert_eq!(run.steps["idle"].watched.unwrap().share(), 0.75);
        assert_eq!(run.steps.len(), 2);
        // At 3,000 cycles a microsecond: 110 instructions, 3 scans of 83,680, 2 RMPOPT of 5,658; and 220, 2, 2.
        assert_eq!(cold.share_ppm, [87, 60]);
        let traced = run.traced.unwrap();
        assert_eq!((traced.work, traced.wake), (vec![2, 1], vec![0, 2]));
    }

    #[test]
    fn what_is_missing_is_said() {
        let without = |part: &str| {
            let lines = OUTPUT.lines().filter(|line| !line.starts_with(part));
            let output: Vec<&str> = lines.collect();
            collect(&output.join("\n"), &report()).unwrap_err()
        };
        assert!(without("done").contains("end"));
        assert!(without("host").contains("host"));
        assert!(without("kernel").contains("kernel"));
        let none = r#"{"taken": {}}"#;
        assert!(collect(OUTPUT, none).unwrap_err().contains("cold"));
        assert!(collect(OUTPUT, "").is_err());
    }
}
