// SPDX-License-Identifier: GPL-2.0

//! The full-screen subcommands on a terminal: however they end, it is as it was before.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT};
use support::{let_through, state};
use terminal::Terminal;

/// `watch`, when its screen is there.
fn watch() -> Terminal {
    let mut terminal = Terminal::start(&state("zen6"), &["watch", "--interval=60"]);
    terminal.until("q quit");
    assert!(terminal.raw(), "it is not on a full screen");
    terminal
}

#[test]
fn watch_ends_by_its_key() {
    let mut terminal = watch();
    terminal.keys("q");
    assert_eq!(terminal.end().code(), Some(0));
    terminal.clean();
}

#[test]
fn watch_ends_by_a_signal() {
    let_through(&[SIGHUP, SIGINT]);
    for signal in [Signal::Term, Signal::Hup, Signal::Int] {
        let mut terminal = watch();
        terminal.kill(signal);
        assert_eq!(terminal.end().code(), Some(0), "{signal:?}");
        terminal.clean();
    }
}

/// Its terminal goes away below it: it ends, and does not read for ever.
#[test]
fn watch_ends_when_its_terminal_is_closed() {
    let mut terminal = watch();
    terminal.hang_up();
    assert_eq!(terminal.end().code(), Some(0));
}
