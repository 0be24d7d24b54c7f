// SPDX-License-Identifier: GPL-2.0

//! `rmpoptctl`: shows and steers RMPOPT on an SEV-SNP host.
//!
//! `cli` defines the command line, `cmd` has a file for each subcommand, `collect` reads files and
//! knows nothing of screens, `show` draws and reads nothing. See README.md.

mod cli;
mod cmd;
mod collect;
mod exit;
#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic, reason = "a test fails by them")]
#[path = "../tests/support/golden_file.rs"]
mod golden_file;
mod output;
mod show;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = <cli::Cli as clap::Parser>::parse();
    match cmd::run(arguments) {
        Ok(code) => code.into(),
        Err(error) => exit::report(&error),
    }
}
