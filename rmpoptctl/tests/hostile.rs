// SPDX-License-Identifier: GPL-2.0

//! Files that nobody would make by accident: an error that names them, never a panic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};
use support::{copy, folder, put, run, state, Run};

const DEBUG: &str = "sys/kernel/debug/rmpopt";

/// A copy of the state zen6.
fn zen6(name: &str) -> PathBuf {
    let root = folder(name);
    copy(&state("zen6"), &root);
    root
}

fn fails(run: &Run, code: i32, what: &str) {
    assert_eq!(run.code, code, "{}{}", run.out, run.err);
    assert!(run.err.contains(what), "no \"{what}\" in: {}", run.err);
    assert!(run.out.is_empty(), "{}", run.out);
}

#[test]
fn tables_that_are_none() {
    let root = zen6("hostile-table");
    for (text, what) in [
        (
            "\u{1b}[2Jhello\n",
            "rmpopt-table, line 1: \"\u{fffd}[2Jhello\" is not",
        ),
        ("Memory @  1GB: CPU(s): 3-0\n", "\"3-0\" is not a list"),
        ("Memory @  1GB: CPU(s): 0-99999999999\n", "is not a list"),
        (
            "Memory @  1GB: CPU(s): 0\nMemory @  1GB: CPU(s): 0\n",
            "line 2: GiB 1 is not above",
        ),
        ("Memory @99999999GB: CPU(s): 0\n", "is not a list"),
    ] {
        put(&root, &format!("{DEBUG}/rmpopt-table"), text);
        fails(&run(&root, &["status"]), 1, what);
    }
}

#[test]
fn files_cut_off_anywhere() {
    let root = zen6("hostile-cut");
    for file in [
        "rmpopt-table",
        "stats",
        "cpu/0",
        "rmp/config",
        "rmp/segments",
    ] {
        let path = root.join(DEBUG).join(file);
        let text = fs::read(&path).expect("the file");
        for length in (0..text.len()).step_by(7) {
            fs::write(&path, &text[..length]).expect("the file");
            let run = run(&root, &["status"]);
            assert!([0, 1].contains(&run.code), "{file}, {length}: {}", run.err);
            assert_eq!(run.code == 1, !run.err.is_empty(), "{file}, {length}");
        }
        fs::write(&path, &text).expect("the file");
    }
}

#[test]
fn numbers_beyond_all_bounds() {
    let root = zen6("hostile-numbers");
    let stats = fs::read_to_string(root.join(DEBUG).join("stats")).expect("stats");
    let most = u64::MAX.to_string();
    let all_most: String = stats
        .lines()
        .map(|line| match line.split_once(": ") {
            Some(("probes", _)) | None => format!("{line}\n"),
            Some(("passes", _)) => format!("passes: start={most} check={most}\n"),
            Some((key, _)) => format!("{key}: {most}\n"),
        })
        .collect();
    put(&root, &format!("{DEBUG}/stats"), &all_most);
    let run1 = run(&root, &["status"]);
    assert_eq!(run1.code, 0, "{}", run1.err);
    put(
        &root,
        &format!("{DEBUG}/stats"),
        all_most.replace(&most, &(most.clone() + "0")),
    );
    fails(
        &run(&root, &["status"]),
        1,
        "stats: conversions: \"184467440737095516150\" is not a number",
    );
}

#[test]
fn files_that_are_no_files() {
    let root = zen6("hostile-kinds");
    let table = root.join(DEBUG).join("rmpopt-table");
    fs::remove_file(&table).expect("the file");
    fails(
        &run(&root, &["status"]),
        1,
        "rmpopt-table: there is no such file",
    );
    fs::create_dir(&table).expect("a folder");
    fails(
        &run(&root, &["status"]),
        1,
        "rmpopt-table: not a regular file",
    );
    fs::remove_dir(&table).expect("the folder");
    symlink("/dev/zero", &table).expect("a link");
    fails(
        &run(&root, &["status"]),
        1,
        "rmpopt-table: not a regular file",
    );
    fs::remove_file(&table).expect("the link");
    symlink("rmpopt-table", &table).expect("a link");
    fails(&run(&root, &["status"]), 1, "rmpopt-table");
    fs::remove_file(&table).expect("the link");
    // A pipe without a writer: nobody must wait for one.
    let made = Command::new("mkfifo").arg(&table).status();
    if made.is_ok_and(|status| status.success()) {
        fails(
            &run(&root, &["status"]),
            1,
            "rmpopt-table: not a regular file",
        );
    }
    let long = fs::File::create(root.join("proc/cpuinfo")).expect("a file");
    long.set_len(65 << 20).expect("its length");
    fails(&run(&root, &["status"]), 1, "cpuinfo: longer than 64 MiB");
}

#[test]
fn no_folder() {
    let root = folder("hostile-empty").join("missing");
    fails(&run(&root, &["status"]), 1, "there is no such folder");
}

#[test]
fn nothing_in_the_folder() {
    let root = folder("hostile-nothing");
    fails(
        &run(&root, &["status"]),
        1,
        "/proc/cpuinfo: there is no such file",
    );
    fails(&run(&root, &["get"]), 3, "the module rmpopt is not loaded");
}

#[test]
fn half_loaded() {
    let root = zen6("half-loaded");
    fs::remove_dir_all(root.join(DEBUG)).expect("the folder");
    put(&root, "sys/module/rmpopt/version", "1\n");
    let half = run(&root, &["status"]);
    assert_eq!(half.code, 3);
    assert!(half.out.contains("debugfs is not mounted"), "{}", half.out);
    let root = zen6("half-loaded-2");
    fs::remove_dir_all(root.join("sys/kernel/config/rmpopt")).expect("the folder");
    fails(&run(&root, &["status"]), 3, "the module");
}

#[test]
fn nothing_steers_the_terminal() {
    let root = zen6("hostile-escape");
    put(
        &root,
        "proc/sys/kernel/osrelease",
        "7.3\u{1b}]0;title\u{7}\u{9b}31m\n",
    );
    let shown = run(&root, &["status", "--colour=never"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(
        !shown.out.chars().any(|c| c.is_control() && c != '\n'),
        "{}",
        shown.out
    );
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut command = Command::new("sh");
    command.arg("-c").arg("\"$0\" --root \"$1\" status | true");
    let output = command
        .arg(env!("CARGO_BIN_EXE_rmpoptctl"))
        .arg(state("zen6"))
        .output()
        .expect("a shell");
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// As somebody else: debugfs is root's. Only where the tests run as root, as in the tree's own root.
#[test]
fn files_of_root() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    let root = std::env::temp_dir().join(format!("rmpoptctl-{}", std::process::id()));
    copy(&state("zen6"), &{
        fs::create_dir_all(&root).expect("a folder");
        root.clone()
    });
    let program = root.join("rmpoptctl");
    fs::copy(env!("CARGO_BIN_EXE_rmpoptctl"), &program).expect("the program");
    let debug = root.join("sys/kernel/debug");
    fs::set_permissions(&debug, fs::Permissions::from_mode(0o700)).expect("its mode");
    let as_somebody = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .arg("--root")
            .arg(&root)
            .args(arguments)
            .uid(1000)
            .gid(1000);
        command.output()
    };
    let Ok(status) = as_somebody(&["status"]) else {
        eprintln!("not root: not tested");
        return;
    };
    let doctor = as_somebody(&["doctor"]).expect("the program runs");
    let _ = fs::remove_dir_all(&root);
    let err = String::from_utf8_lossy(&status.stderr);
    assert_eq!(status.status.code(), Some(4), "{err}");
    assert!(
        err.contains("sys/kernel/debug") && err.contains("try sudo"),
        "{err}"
    );
    // The doctor says what it can.
    let out = String::from_utf8_lossy(&doctor.stdout);
    assert!(
        out.contains("skip debugfs: /sys/kernel/debug/rmpopt is root's"),
        "{out}"
    );
    assert!(out.contains("pass amd"), "{out}");
}
