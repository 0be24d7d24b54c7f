// SPDX-License-Identifier: GPL-2.0

//! `record`, and what is drawn of its files. `records/guest.jsonl` is a minute on the host of the state zen6: a guest
//! comes and goes, and the module is loaded anew meanwhile.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use rustix::process::{kill_process, Pid, Signal};
use serde_json::{json, Value};
use signal_hook::consts::{SIGHUP, SIGINT};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use support::{copy, folder, let_through, picture, put, run, same, state, tests, Run};

const TABLE: &str = "sys/kernel/debug/rmpopt/rmpopt-table";

fn guest() -> PathBuf {
    tests().join("records/guest.jsonl")
}

/// `map --time`; the host's own files do not matter, so it has none.
fn map(file: &Path, arguments: &[&str]) -> Run {
    let time = format!("--time={}", file.display());
    let all = [&["map", &time][..], arguments].concat();
    run(&tests(), &all)
}

fn golden(name: &str, arguments: &[&str]) {
    let run = map(&guest(), arguments);
    let text = format!(
        "$ rmpoptctl map --time guest.jsonl {}\n{}{}-- exit {}\n",
        arguments.join(" "),
        run.out,
        run.err,
        run.code
    );
    same(name, &text);
}

#[test]
fn memory_against_time() {
    golden("time.map", &[]);
    golden("time.map.colour", &["--colour=always"]);
    golden("time.map.raw", &["--raw", "--width=20", "--range=4G-8G"]);
    golden("time.map.json", &["--json", "--width=20", "--rows=3"]);
    golden(
        "time.map.zoom",
        &["--from=8s", "--until=14s", "--node=1", "--width=60"],
    );
    golden("time.map.nothing", &["--from=2m"]);
    golden("time.map.nowhere", &["--range=2G+2G"]);
    assert_eq!(map(&guest(), &["--by=core"]).code, 2);
    assert_eq!(map(&guest(), &["--from=1y"]).code, 2);
}

#[test]
fn memory_against_time_as_pictures() {
    let folder = folder("time-pictures");
    for (option, name) in [("--svg", "time.svg"), ("--html", "time.html")] {
        picture(&folder, name, |file| {
            map(&guest(), &[&format!("{option}={file}")])
        });
    }
}

/// Whoever wrote it was killed: what is whole is drawn, wherever the file ends.
#[test]
fn records_cut_off_anywhere() {
    let text = fs::read(guest()).expect("the record");
    let head = text.iter().position(|c| *c == b'\n').expect("a head") + 1;
    let first = text[head..]
        .iter()
        .position(|c| *c == b'\n')
        .expect("a look")
        + head;
    let file = folder("record-cut").join("cut.jsonl");
    for length in (0..text.len()).step_by(3) {
        fs::write(&file, &text[..length]).expect("the file");
        let run = map(&file, &[]);
        if length >= first {
            assert_eq!(run.code, 0, "{length}: {}", run.err);
            let whole = text[length - 1] == b'\n' || text[length] == b'\n';
            let said = run.out.contains("the file is cut off");
            assert_eq!(said, !whole, "{length}: {}", run.out);
        } else {
            assert_eq!(run.code, 1, "{length}: {}", run.out);
        }
    }
}

#[test]
fn records_that_are_none() {
    let folder = folder("record-hostile");
    let file = folder.join("file.jsonl");
    let head = r#"{"rmpopt_record":1,"kernel":"k","began_ms":0,"interval_ms":1}"#;
    let all = r#"{"t":0,"cores":1,"ram":[[0,1,0]]}"#;
    for (text, what) in [
        (String::new(), "not a file of rmpoptctl record"),
        ("{}\n".to_owned(), "not a file of rmpoptctl record"),
        (head.replace("d\":1", "d\":2"), "version 2 of the format"),
        (format!("{head}\n"), "there is no RAM in that range"),
        (
            format!("{head}\nnothing\n{all}\n"),
            "line 2: \"nothing\" is not a look",
        ),
        (
            format!("{head}\n{all}\n{{\"t\":5}}\n{{\"t\":4}}\n"),
            "line 4: earlier than",
        ),
        (
            format!("{head}\n{{\"t\":0,\"cores\":1,\"ram\":[[1,0,0]]}}\n"),
            "line 2: ram: 1-0",
        ),
        (
            format!("{head}\n{all}\n{{\"t\":1,\"on\":[[7,7,1]]}}\n"),
            "line 3: on: 7-7",
        ),
        (
            format!("{head}\n\u{1b}[2J\n"),
            "line 2: \"\u{fffd}[2J\" is not a look",
        ),
        (
            format!("{head}\n{}\n", "x".repeat(5 << 20)),
            "line 2: longer than 4 MiB",
        ),
    ] {
        fs::write(&file, &text).expect("the file");
        let run = map(&file, &[]);
        assert_eq!(run.code, 1, "{what}: {}", run.out);
        assert!(run.err.contains(what), "no \"{what}\" in: {}", run.err);
    }
    // Numbers beyond all bounds are drawn somehow.
    let most = u64::MAX;
    let text = format!("{head}\n{{\"t\":0,\"cores\":{most},\"ram\":[[0,4194303,-5]],\"on\":[[0,4194303,{most}]]}}\n{{\"t\":{most}}}\n");
    fs::write(&file, text).expect("the file");
    let run = map(&file, &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    for other in [Path::new("/dev/zero"), &folder, &folder.join("missing")] {
        assert_eq!(map(other, &[]).code, 1);
    }
}

/// A program that records, and its file.
struct Recording {
    child: Child,
    file: PathBuf,
}

impl Recording {
    fn start(root: &Path, name: &str, arguments: &[&str]) -> Self {
        let file = folder(name).join("record.jsonl");
        let child = Command::new(env!("CARGO_BIN_EXE_rmpoptctl"))
            .arg("--root")
            .arg(root)
            .arg("record")
            .arg(&file)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn();
        let child = child.expect("the program runs");
        Self { child, file }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap_or_default()
    }

    /// Waits until the file has it so many times.
    fn until(&mut self, times: usize, what: &str) {
        for _ in 0..15_000 {
            if self.text().matches(what).count() >= times {
                return;
            }
            let ended = self.child.try_wait().expect("the program");
            assert!(
                ended.is_none(),
                "no {what}, ended {ended:?}: {}",
                self.text()
            );
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it hangs, without {what}: {}", self.text());
    }

    /// Asks it to end; what it said, and the lines of its file.
    fn end(&mut self, signal: Signal) -> (String, Vec<Value>) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("the program is there");
        let status = self.child.wait().expect("the program");
        assert_eq!(status.code(), Some(0));
        let mut said = String::new();
        let out = self.child.stdout.as_mut().expect("its output");
        out.read_to_string(&mut said).expect("text");
        let text = self.text();
        let lines = text.lines();
        let lines = lines.map(|line| serde_json::from_str(line).expect("JSON"));
        (said, lines.collect())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // It has ended, but where a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What changes is written, what cannot be read is a gap, and a signal ends the file with a line that says so.
#[test]
fn what_happens_is_recorded() {
    let root = folder("record-root");
    copy(&state("zen6"), &root);
    let table = fs::read_to_string(root.join(TABLE)).expect("the table");
    let mut record = Recording::start(&root, "record", &["--interval=100ms"]);
    record.until(
        1,
        "\"cores\":4,\"ram\":[[0,1,0],[4,5,0],[6,9,1]],\"on\":[[0,0,4],[4,4,4],[7,9,4]]}\n",
    );
    // A rename: nobody reads half of it.
    let put_at_once = |text: &str| {
        put(&root, "new-table", text);
        fs::rename(root.join("new-table"), root.join(TABLE)).expect("the table is replaced");
    };
    let line = |gib: u32, cpus: &str| format!("Memory @  {gib}GB: CPU(s): {cpus}");
    put_at_once(
        &table
            .replace(&line(7, "0-7"), &line(7, "0-3"))
            .replace(&line(5, "none"), &line(5, "0")),
    );
    record.until(1, ",\"on\":[[5,5,1],[7,7,2]]}\n");
    fs::remove_file(root.join(TABLE)).expect("the table");
    record.until(1, "\"gap\":\"");
    put_at_once(&table);
    let again = "\"on\":[[0,0,4],[4,4,4],[7,9,4]]}\n";
    record.until(2, again);
    let (said, lines) = record.end(Signal::Term);
    assert!(said.contains("ended by SIGTERM: "), "{said}");
    assert_eq!(lines[0]["rmpopt_record"], 1);
    assert_eq!(lines[0]["interval_ms"], 100);
    let gaps = lines.iter().filter(|line| line["gap"].is_string());
    assert_eq!(gaps.count(), 1, "{lines:?}");
    let last = lines.last().expect("an end");
    assert_eq!(last["end"], "SIGTERM");
    let times: Vec<u64> = lines[1..]
        .iter()
        .filter_map(|line| line["t"].as_u64())
        .collect();
    assert_eq!(times.len(), lines.len() - 1);
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn record_ends_by_each_signal() {
    let_through(&[SIGHUP, SIGINT]);
    for (signal, name) in [(Signal::Int, "SIGINT"), (Signal::Hup, "SIGHUP")] {
        // It waits for the second look, long.
        let mut record = Recording::start(
            &state("zen6"),
            &format!("record-{name}"),
            &["--interval=1d", "--json"],
        );
        record.until(1, "\"cores\"");
        let (said, lines) = record.end(signal);
        let document: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(document["data"]["ended_by"], name);
        assert_eq!(document["data"]["looks"], 1);
        assert_eq!(lines.last().expect("an end")["end"], name);
    }
}

#[test]
fn record_for_a_time() {
    let file = folder("record-time").join("record.jsonl");
    let name = file.display().to_string();
    let arguments = ["record", &name, "--interval=100ms", "--duration=250ms"];
    let done = run(&state("zen4"), &arguments);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("ended by duration"), "{}", done.out);
    let first = fs::read_to_string(&file).expect("the record");
    // Without RMPOPT: what could be optimised.
    let look: Value = serde_json::from_str(first.lines().nth(1).expect("a look")).expect("JSON");
    assert_eq!(look["could_be"], true);
    assert_eq!(look["cores"], 1);
    assert_eq!(look["on"], json!([[0, 0, 1], [4, 4, 1], [7, 9, 1]]));
    let again = run(&state("zen4"), &arguments);
    assert_eq!(again.code, 1);
    assert!(
        again.err.contains("--force writes over it"),
        "{}",
        again.err
    );
    assert_eq!(fs::read_to_string(&file).expect("the record"), first);
    let forced = run(&state("zen4"), &[&arguments[..], &["--force"]].concat());
    assert_eq!(forced.code, 0, "{}", forced.err);
    let piped = run(&state("zen6"), &["record", "-", "--duration=1ms"]);
    assert_eq!(
        (piped.code, piped.out.lines().count()),
        (0, 3),
        "{}",
        piped.out
    );
}

#[test]
fn record_says_what_is_wrong() {
    let file = folder("record-wrong").join("record.jsonl");
    let name = file.display().to_string();
    for (state_name, arguments, code) in [
        ("unloaded", &["record", &name][..], 3),
        ("zen6", &["record", "/nowhere/record"], 1),
        ("zen6", &["record", "-", "--json"], 1),
        ("zen6", &["record", &name, "--interval=50ms"], 2),
        ("zen6", &["replay", &name], 1),
    ] {
        let done = run(&state(state_name), arguments);
        assert_eq!(done.code, code, "{arguments:?}: {}{}", done.out, done.err);
        assert!(!done.err.is_empty());
    }
    assert!(
        !file.exists(),
        "it was made before it was known whether there is anything to record"
    );
}

/// On a terminal: keys work, and a signal leaves it as it was.
#[test]
fn replay_on_a_terminal() {
    let file = guest().display().to_string();
    let mut terminal = terminal::Terminal::start(&state("zen6"), &["replay", &file]);
    terminal.until("q quit");
    assert!(terminal.raw(), "it is not on a full screen");
    terminal.keys("+");
    terminal.until("500");
    terminal.kill(Signal::Term);
    assert_eq!(terminal.end().code(), Some(0));
    terminal.clean();
}
