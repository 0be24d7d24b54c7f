// SPDX-License-Identifier: GPL-2.0

//! `export prometheus --listen`: what a Prometheus gets, and how it ends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use rustix::process::{kill_process, Pid, Signal};
use signal_hook::consts::SIGINT;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};
use support::{copy, folder, let_through, put, run, state};

const TABLE: &str = "sys/kernel/debug/rmpopt/rmpopt-table";

/// A program that listens.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(root: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rmpoptctl"))
            .arg("--root")
            .arg(root)
            .args(["export", "prometheus", "--listen=127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        let err = child.stderr.as_mut().expect("its messages");
        BufReader::new(err).read_line(&mut line).expect("a message");
        let address = line.trim().strip_prefix("metrics at http://");
        let address = address.and_then(|line| line.strip_suffix("/metrics"));
        let address = address
            .unwrap_or_else(|| panic!("no address: {line}"))
            .to_owned();
        Self { child, address }
    }

    /// The head and the body of the answer.
    fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is asked");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        (head.to_owned(), body.to_owned())
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("the program is there");
        self.child.wait().expect("the program").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, but where a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_scrape_is_a_collection() {
    let root = folder("export-listen");
    copy(&state("zen6"), &root);
    let mut server = Server::start(&root);
    let printed = || run(&root, &["export", "prometheus"]).out;
    let (head, first) = server.ask("GET", "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let kind = "Content-Type: text/plain; version=0.0.4; charset=utf-8";
    assert!(head.contains(kind), "{head}");
    assert_eq!(first, printed());
    let table = fs::read_to_string(root.join(TABLE)).expect("the table");
    put(
        &root,
        TABLE,
        table.replace("5GB: CPU(s): none", "5GB: CPU(s): 0-7"),
    );
    let (_, second) = server.ask("GET", "/metrics?now");
    assert_ne!(second, first);
    assert_eq!(second, printed());
    // What cannot be read is an error of that scrape alone.
    put(&root, TABLE, "nothing\n");
    let (head, body) = server.ask("GET", "/metrics");
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert!(body.contains("rmpopt-table, line 1"), "{body}");
    fs::remove_dir_all(root.join("sys/kernel")).expect("the module's files");
    let (head, body) = server.ask("GET", "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.contains("rmpopt_loaded 0"), "{body}");
    assert_eq!(server.end(Signal::Term), Some(0));
}

#[test]
fn other_requests() {
    let_through(&[SIGINT]);
    let mut server = Server::start(&state("zen6"));
    for (method, path, code, what) in [
        ("GET", "/", 200, "href=\"/metrics\""),
        ("GET", "/other", 404, "only /metrics"),
        ("POST", "/metrics", 405, "only GET"),
        ("HEAD", "/metrics", 200, ""),
    ] {
        let (head, body) = server.ask(method, path);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {code} ")),
            "{path}: {head}"
        );
        assert!(body.contains(what), "{path}: {body}");
        assert_eq!(body.is_empty(), what.is_empty(), "{path}: {body}");
    }
    // Somebody who is connected and says nothing keeps nobody waiting.
    let _silent = TcpStream::connect(&server.address).expect("it listens");
    assert_eq!(
        server.ask("GET", "/metrics").0.get(..13),
        Some("HTTP/1.1 200 ")
    );
    assert_eq!(server.end(Signal::Int), Some(0));
}

#[test]
fn addresses_that_are_none() {
    let mut server = Server::start(&state("zen6"));
    let taken = format!("--listen={}", server.address);
    for (argument, code) in [
        (taken.as_str(), 1),
        ("--listen=nothing", 1),
        ("--listen=127.0.0.1:99999", 1),
    ] {
        let done = run(&state("zen6"), &["export", "prometheus", argument]);
        assert_eq!(done.code, code, "{argument}: {}", done.err);
        assert!(done.err.starts_with("rmpoptctl: --listen "), "{}", done.err);
    }
    let both = ["export", "prometheus", "--listen=127.0.0.1:0", "--output=x"];
    assert_eq!(run(&state("zen6"), &both).code, 2);
    assert_eq!(server.end(Signal::Term), Some(0));
}
