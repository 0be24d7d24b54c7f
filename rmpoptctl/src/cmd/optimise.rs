// SPDX-License-Identifier: GPL-2.0

//! `optimise`: attempts memory, and waits for the end of that if wanted.

use crate::{
    cli,
    collect::{
        lines::two,
        stats::{self, Stats},
        Root, CONFIG,
    },
    exit::Code,
    output::{Data, Output},
    show::style::{bar, count, ratio},
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    thread,
    time::Duration,
};

/// What came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// What was attempted: a range, or `all`.
    pub range: String,
    /// Whether the end was waited for; without that nothing else is known.
    pub waited: bool,
    /// Regions verified meanwhile, by whatever pass.
    pub attempted: u64,
    /// Of these, optimised.
    pub won: u64,
    /// Of these, held by assigned pages.
    pub held: u64,
}

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Asks for the attempt.
///
/// # Errors
///
/// [`Code::Refused`] where the kernel refuses it: `enabled` is 0, or there is no RAM in the range.
pub fn run(root: &Root, output: &Output, arguments: &cli::Optimise) -> Result<Code> {
    root.require_controls()?;
    let before = stats::read(root)?;
    match &arguments.range {
        Some(range) => root.write(&format!("{CONFIG}/optimise"), range)?,
        None => root.write(&format!("{CONFIG}/action"), "1")?,
    }
    let mut report = Report {
        range: arguments.range.clone().unwrap_or_else(|| "all".to_owned()),
        waited: arguments.wait,
        attempted: 0,
        won: 0,
        held: 0,
    };
    if arguments.wait {
        wait(root)?;
        done(&mut report, &before, &stats::read(root)?);
    }
    let text = text(&report);
    output.print(Data::Optimise(report), |_| text)?;
    Ok(Code::Done)
}

fn done(report: &mut Report, before: &Stats, after: &Stats) {
    let since = |of: fn(&Stats) -> u64| of(after).saturating_sub(of(before));
    report.attempted = since(|stats| stats.regions_attempted);
    report.won = since(|stats| stats.regions_won);
    report.held = since(|stats| stats.regions_held);
}

fn text(report: &Report) -> String {
    if !report.waited {
        return "asked for; \"rmpoptctl status\" tells how far it is, --wait waits\n".to_owned();
    }
    format!(
        "{} verified: {} optimised, {} held by assigned pages\n",
        count(report.attempted, "region", "regions"),
        report.won,
        report.held
    )
}

/// Until no pass is asked for or under way; with a bar on a terminal.
fn wait(root: &Root) -> Result<()> {
    let terminal = io::stderr().is_terminal();
    loop {
        let action = root.text(&format!("{CONFIG}/action"))?;
        let action = action.trim();
        if terminal {
            let line = match action {
                "idle" => String::new(),
                action => progress(action),
            };
            // The bar is for people; what counts is said at the end.
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
        if action == "idle" {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
}

/// `running: 12 of 204 regions verified` with a bar.
fn progress(action: &str) -> String {
    let words = action.strip_prefix("running: ").unwrap_or(action);
    let numbers: Vec<&str> = words.split(' ').take(3).collect();
    match two(&numbers.join(" "), " of ") {
        Ok((part, all)) => format!(
            "{} {:3} % {words}",
            bar(part, all, 30),
            ratio(part, all, 100)
        ),
        Err(_) => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::progress;

    #[test]
    fn progress_has_a_bar_where_there_are_numbers() {
        let line = progress("running: 12 of 24 regions verified");
        assert_eq!(
            line,
            format!(
                "{}{}  50 % 12 of 24 regions verified",
                "█".repeat(15),
                " ".repeat(15)
            )
        );
        assert_eq!(progress("pending"), "pending");
        assert_eq!(progress("running: a of b c"), "a of b c");
    }
}
