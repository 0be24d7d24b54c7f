// SPDX-License-Identifier: GPL-2.0

//! Tests of requests and their replies.

use super::*;
use crate::model::kind::Kind;
use crate::model::psp::{Answer, Status};
use crate::model::tests::{machine, NoRam, Ram};
use crate::options::Durations;
use crate::session::tests::session;
use std::time::Duration;

#[test]
fn the_segment_table_is_written_or_refused() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let place = session.machine.layout().segment_table_address() + 8;
    for request in ["rst 1 5", "rst restore"] {
        assert_eq!(answer(&mut session, &ram, request), Ok(done()));
        assert_eq!(ram.word(place), if request == "rst 1 5" { 5 } else { 0 });
        let reply = answer(&mut session, &NoRam, request).unwrap();
        assert!(reply.unwrap_err().contains("no memory at"), "{request}");
    }
    assert!(answer(&mut session, &ram, "rst 512 0").unwrap().is_err());
}

#[test]
fn the_base_of_one_core_or_of_all_is_written() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let cores = crate::model::addr::index(session.machine.cores());
    let mut ask = |request: &str| answer(&mut session, &ram, request).unwrap();
    let mut bases = |request: &str| {
        assert_eq!(ask(request), Ok(String::new()), "{request}");
        (0..cores)
            .map(|core| ask(&format!("base {core}")).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(bases("base all 1"), vec!["0x1"; cores]);
    let bases = bases("base 0 0");
    assert_eq!(bases[0], "0x0");
    assert!(bases[1..].iter().all(|base| base == "0x1"));
    for request in ["base all", "base all x", "base x 1", "base 0"] {
        assert!(
            !matches!(ask(request), Ok(text) if text.is_empty()),
            "{request}"
        );
    }
}

#[test]
fn snp_is_initialised_step_by_step() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let mut ask = |request: &str| answer(&mut session, &ram, &format!("snp {request}")).unwrap();
    for (request, phase) in [
        ("shutdown legacy", "shut-down"),
        ("init-begin", "initialising"),
        ("init-end", "initialised"),
        ("shutdown full", "uninitialised"),
        ("prepare", "uninitialised"),
        ("init-begin", "initialising"),
        ("on", "initialised"),
        ("off-legacy", "shut-down"),
    ] {
        assert_eq!(ask(request), Ok(String::new()), "{request}");
        assert_eq!(ask("phase"), Ok(phase.into()), "{request}");
    }
    assert!(ask("init-end").is_err());
    assert_eq!(ask("off"), Ok(String::new()));
    assert_eq!(ask("show"), Ok("off".into()));
    assert!(ask("init-begin").is_err());
    assert!(ask("halfway").is_err());
}

#[test]
fn the_firmware_processor_answers() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let mut ask = |request: &str| answer(&mut session, &ram, request).unwrap();
    assert_eq!(
        ask("psp show"),
        Ok("snp=initialised sev=0 guests=0 unflushed=0".into())
    );
    assert_eq!(ask("psp guests"), Ok(String::new()));
    assert_eq!(ask("psp init_ms 5"), Ok(String::new()));
    assert_eq!(ask("fail snp-df-flush 0x13 1"), Ok(String::new()));
    assert!(ask("fail snp-df-flush 0x10000").is_err());
    assert!(ask("fail snp-nonsense 1").is_err());
    assert!(ask("fail rmpupdate 4 1 1").is_err());
    assert_eq!(ask("get psp.snp-df-flush"), Ok("0".into()));
    let done = session.machine.psp_command(&ram, 0x84, 0);
    assert_eq!(done, Ok(Answer::Now(Status(0x13))));
    assert_eq!(session.init, Duration::from_millis(5));
    assert_eq!(
        answer(&mut session, &ram, "get psp.snp-df-flush"),
        Ok(Ok("1".into()))
    );
}

#[test]
fn an_unknown_counter_is_refused() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let mut get = |path| answer(&mut session, &ram, &format!("get {path}")).unwrap();
    assert_eq!(get("rmpopt.by_region.3.verify"), Ok("0".into()));
    assert!(get("rmpopt.by_region.3.verfy").is_err());
}

#[test]
fn time_without_durations_is_refused() {
    let ram = Ram::default();
    let mut session = session(Kind::Zen6, &ram);
    let reply = answer(&mut session, &ram, "time model").unwrap();
    assert!(reply.unwrap_err().contains("time=model"));
    assert_eq!(answer(&mut session, &ram, "time none"), Ok(done()));
    assert_eq!(session.time(), None);
}

#[test]
fn time_is_taken_away_and_given_back() {
    let ram = Ram::default();
    let durations = Durations {
        scan: Duration::from_micros(3),
        stored: Duration::from_micros(2),
        own: Duration::from_micros(1),
    };
    let mut session = Session::new(machine(Kind::Zen6, &ram), Some(durations), None);
    assert_eq!(session.time(), Some(durations));
    for (request, time) in [("time none", None), ("time model", Some(durations))] {
        assert_eq!(answer(&mut session, &ram, request), Ok(done()));
        assert_eq!(session.time(), time, "{request}");
    }
}
