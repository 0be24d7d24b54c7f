// SPDX-License-Identifier: GPL-2.0

//! The bench's report: see ../../README.md.

mod check;
mod collect;
mod counted;
mod document;
mod model;
mod plot;
mod report;
mod run;
mod table;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Table, cost model, plots and verdict of rmpopt's bench.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a result of one boot.
    Collect {
        /// What the guest's script printed.
        #[arg(long)]
        output: PathBuf,
        /// The emulator's report.
        #[arg(long)]
        emulator: PathBuf,
        /// The file to write.
        #[arg(long)]
        result: PathBuf,
    },
    /// Prints table, model and verdict of all results, draws the plots, fails when a required figure is missed.
    Report {
        /// Where the results are.
        #[arg(long)]
        results: PathBuf,
        /// The document whose tables are of such a run.
        #[arg(long)]
        document: PathBuf,
        /// Writes this run's tables into it.
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Collect {
            output,
            emulator,
            result,
        } => collect(&output, &emulator, &result).map(|()| true),
        Command::Report {
            results,
            document,
            write,
        } => report::report(&results, &document, write),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("rmpopt-bench: {e}");
            ExitCode::from(2)
        }
    }
}

fn collect(output: &Path, emulator: &Path, result: &Path) -> Result<(), String> {
    let run = collect::collect(&read(output)?, &read(emulator)?)?;
    let text = serde_json::to_string_pretty(&run).map_err(|e| e.to_string())?;
    std::fs::write(result, text + "\n").map_err(|e| format!("{}: {e}", result.display()))
}

/// Reads a text file; consoles are not always clean.
pub fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
