// SPDX-License-Identifier: GPL-2.0

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::run::{Traced, Watched};
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
        interrupts_off: vec![Done::default(); 4],
        ..Step::default()
    };
    let cold = if algorithm.ours() { 1000 } else { 10_000 };
    let mut steps: BTreeMap<String, Step> = [
        ("idle", step(0, 0, 0)),
        ("cold", step(816, 204, cold)),
        ("every_region_held", step(204, 204, 0)),
        ("one_region", step(4, 1, 0)),
        ("guest_of_8_gib", step(32, 8, 0)),
        ("timed", step(32, 8, 0)),
        ("every_guest", step(816, 204, 0)),
        ("swept", step(1020, 0, 0)),
        ("unchanged_off", step(0, 0, 0)),
        ("churn", step(384, 96, 0)),
    ]
    .map(|(name, step)| (name.into(), step))
    .into();
    let churn = steps.get_mut("churn").unwrap();
    churn.watched = Some(Watched {
        free_us: 1000,
        optimised_us: 890,
    });
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
            cpus: 16,
            cores: 4,
            threads: 4,
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
    missed_of(change, |_| ())
}

fn missed_of(change: Change, change_assist: Change) -> Vec<&'static str> {
    let mut module = run(Algorithm::Module);
    let mut assist = run(Algorithm::Assist);
    change(&mut module);
    change_assist(&mut assist);
    let pair = Runs {
        june: &run(Algorithm::June),
        taken: &run(Algorithm::Taken),
        module: &module,
        assist: &assist,
    };
    let checks = host(&pair).unwrap();
    assert_eq!(checks.len(), 23);
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
    let changes: [(Change, &str); 13] = [
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
            "cold: kernel instructions, worst core, of june",
        ),
        (
            |r| r.traced.as_mut().unwrap().work[1] = 3,
            "cold: function-call interrupts with work, worst core",
        ),
        (
            |r| r.traced.as_mut().unwrap().wake[1] = 4,
            "cold: those that wake the thread",
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
            |r| of(r, "unchanged_off").interrupts_off[0].rmpopt = 2,
            "RMPOPT with interrupts off",
        ),
        (
            |r| of(r, "churn").watched.as_mut().unwrap().optimised_us = 849,
            "churn: share of GiB-seconds not optimised",
        ),
        (
            |r| of(r, "every_guest").late = true,
            "guests end: steps not optimised in time",
        ),
    ];
    for (change, what) in changes {
        assert_eq!(missed(change), [what]);
    }
}

#[test]
fn each_figure_of_assist_can_be_missed() {
    let changes: [(Change, &str); 6] = [
        (
            |r| of(r, "unchanged_off").interrupts_off[0].rmpopt = 2,
            "assist: RMPOPT with interrupts off",
        ),
        (
            |r| of(r, "guest_of_8_gib").report = 2,
            "assist, guests end: RMPOPT beyond the module's alone",
        ),
        (
            |r| of(r, "churn").verify = 385,
            "assist, guests end: RMPOPT beyond the module's alone",
        ),
        (
            |r| of(r, "churn").scans = 97,
            "assist, guests end: scans beyond the module's alone",
        ),
        (
            |r| of(r, "swept").scans = 1,
            "assist: what the kernel's pass has left to do: free regions",
        ),
        (
            |r| of(r, "churn").watched.as_mut().unwrap().optimised_us = 879,
            "churn, assist: share less than the module's alone",
        ),
    ];
    for (change, what) in changes {
        assert_eq!(missed_of(|_| (), change), [what]);
    }
    // A scan that fails is of a region that is never free.
    let held: Change = |r| (of(r, "swept").scans, of(r, "swept").failed_scans) = (2, 2);
    assert_eq!(missed_of(|_| (), held), [""; 0]);
}

#[test]
fn the_formulas_are_those_of_all_algorithms() {
    let mut june = run(Algorithm::June);
    let mut taken = run(Algorithm::Taken);
    of(&mut june, "cold").function_calls = vec![204; 4];
    of(&mut taken, "cold").verify = 204 * 5;
    let walk = Done {
        rmpopt: 204,
        ..Done::default()
    };
    of(&mut taken, "cold").interrupts_off = vec![walk; 4];
    let (module, assist) = (run(Algorithm::Module), run(Algorithm::Assist));
    let missed = |taken: &Run| {
        let runs = Runs {
            june: &june,
            taken,
            module: &module,
            assist: &assist,
        };
        let checks = formulas(&runs).unwrap();
        assert_eq!(checks.len(), 5);
        let missed = checks.into_iter().filter(|c| !c.passed());
        missed.map(|c| c.what).collect::<Vec<_>>()
    };
    assert_eq!(missed(&taken), [""; 0]);
    of(&mut taken, "cold").verify += 1;
    assert_eq!(missed(&taken), ["taken: counted RMPOPT - formula"]);
    of(&mut taken, "cold").verify -= 1;
    of(&mut taken, "cold").interrupts_off[2].rmpopt = 205;
    let off = "taken: RMPOPT with interrupts off - formula";
    assert_eq!(missed(&taken), [off]);
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
