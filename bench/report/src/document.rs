// SPDX-License-Identifier: GPL-2.0

//! The tables in `Documentation/cost.rst`: made of a run, and compared with one.
//!
//! A table stands between the comments `.. bench: NAME` and `.. bench end`. What varies from run to run may
//! differ. What may not: what the module does (RMPOPT and scans), the required figures and their limits, and
//! what is modelled.

use crate::check::{self, Check, Runs};
use crate::counted::{net, steps};
use crate::model::{self, Large, CORES, TABLE};
use crate::run::{whole, worst, Done, Run, Step};
use crate::table::{thousands, Table};

const BEGIN: &str = ".. bench: ";
const END: &str = ".. bench end";

/// What a table's name begins with, if more of it is compared than that it is there.
const COUNTS: &str = "RMPOPT and scans";
const REQUIRED: &str = "required";
const MODELLED: &str = "modelled";

/// The first columns of the table that the module's counts stand in.
const THEIRS: usize = 3;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    name: String,
    text: String,
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{BEGIN}{}\n\n{}\n{END}\n", self.name, self.text)
    }
}

fn block(name: String, table: &Table) -> Block {
    Block {
        name,
        text: table.rst(),
    }
}

/// What the model says of the large machine. It does not depend on a run.
pub fn modelled() -> Block {
    let on = Large {
        regions: TABLE,
        cores: CORES,
        nodes: 2,
        held: false,
    };
    let held = Large { held: true, ..on };
    let mut table = Table::new(
        1,
        &["2 TiB, 512 cores, one pass", "june", "taken", "module"],
    );
    let ms = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
    let us = |seconds: f64| format!("{} us", thousands(whole(seconds * 1e6)));
    for (title, calibration) in [
        ("cold, scans as after guests", model::AFTER_GUESTS),
        ("cold, scans as at boot", model::at_boot()),
    ] {
        let all = [model::june, model::taken, model::module];
        let mut row = vec![title.into()];
        row.extend(all.map(|cost| ms(cost(on, calibration))));
        table.row(row);
    }
    let all = [model::june, model::taken, model::module];
    let mut row = vec!["all regions held by guests".into()];
    row.extend(all.map(|cost| ms(cost(held, model::AFTER_GUESTS))));
    table.row(row);
    table.row(vec![
        "interrupts off, worst core".into(),
        us(model::june_off(on)),
        us(model::taken_off(on)),
        us(model::module_off(on, model::at_boot())),
    ]);
    let counts = [
        model::june_counts(on),
        model::taken_counts(on),
        model::module_counts(on),
    ];
    let mut row = vec!["RMPOPT, cold".into()];
    row.extend(counts.map(|c| thousands(c.rmpopt)));
    table.row(row);
    let mut row = vec!["function-call interrupts of a core".into()];
    row.extend(counts.map(|c| thousands(c.interrupts)));
    table.row(row);
    block(MODELLED.into(), &table)
}

/// What stands in a table about a step; `None`: the step has no row.
type Cell<'a> = dyn Fn(&Run, &Step) -> Result<Option<String>, String> + 'a;

/// The tables of one host. `checks` are its required figures.
pub fn of_host(runs: &Runs<'_>, checks: &[Check]) -> Result<Vec<Block>, String> {
    let shape = runs.shape();
    let table = |what: &str, cell: &Cell<'_>| {
        let head = ["what happens", "june", "taken", "module", "assist"];
        let mut table = Table::new(1, &head);
        for (title, same) in steps(runs.module) {
            let name = runs
                .module
                .steps
                .iter()
                .find(|(_, s)| std::ptr::eq(*s, same));
            let Some((name, _)) = name else { continue };
            let mut row = vec![title.to_string()];
            for run in runs.all() {
                row.extend(cell(run, check::step(run, name)?)?);
            }
            if row.len() == head.len() {
                table.row(row);
            }
        }
        Ok::<_, String>(block(format!("{what} {shape}"), &table))
    };
    let done = |d: Done| format!("{}/{}", thousands(d.instructions), thousands(d.rmpopt));
    let mut blocks = vec![
        table(COUNTS, &|_, step| {
            let varies = step.watched.is_some() || step.work() == 0 && step.scans == 0;
            let text = format!("{}/{}", thousands(step.work()), thousands(step.scans));
            Ok((!varies).then_some(text))
        })?,
        table("interrupts", &|run, step| {
            Ok(Some(thousands(worst(&net(run, step)?.function_calls))))
        })?,
        table("interrupts off", &|_, step| {
            // Of one sample the rest of the system would be most.
            Ok((step.samples > 1).then(|| done(step.longest_off())))
        })?,
        table("waiting", &|_, step| Ok(step.waited().map(done)))?,
        table("kernel instructions", &|run, step| {
            Ok(Some(thousands(worst(&net(run, step)?.instructions))))
        })?,
    ];
    if let Some(churn) = churn(runs)? {
        blocks.push(block(format!("churn {shape}"), &churn));
    }
    let mut required = Table::new(1, &["figure", "found", "at most"]);
    for check in checks {
        required.row(vec![
            check.what.into(),
            figure(check.found),
            figure(check.limit),
        ]);
    }
    blocks.push(block(format!("{REQUIRED} {shape}"), &required));
    Ok(blocks)
}

fn churn(runs: &Runs<'_>) -> Result<Option<Table>, String> {
    let mut table = Table::new(
        1,
        &["two minutes", "optimised", "RMPOPT", "scans", "interrupts"],
    );
    for run in runs.all() {
        let Some(step) = run.steps.get("churn") else {
            return Ok(None);
        };
        let watched = step.watched.ok_or("churn: no region was looked at")?;
        table.row(vec![
            run.algorithm.name().into(),
            format!("{:.1} %", watched.share() * 100.0),
            thousands(step.work()),
            thousands(step.scans),
            thousands(worst(&net(run, step)?.function_calls)),
        ]);
    }
    Ok(Some(table))
}

/// A required figure, as it is shown.
pub fn figure(v: f64) -> String {
    if v.fract() == 0.0 {
        format!("{v:.0}")
    } else {
        format!("{v:.3}")
    }
}

/// The document's tables, as their name, where their text begins, and where it ends.
fn find(document: &str) -> Result<Vec<(&str, usize, usize)>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut open: Option<(&str, usize)> = None;
    for line in document.split_inclusive('\n') {
        let text = line.trim_end();
        if let Some(name) = text.strip_prefix(BEGIN) {
            if open.is_some() {
                return Err(format!("the table before {name} has no end"));
            }
            open = Some((name, at + line.len()));
        } else if text == END {
            let (name, from) = open.take().ok_or("an end without a table")?;
            found.push((name, from, at));
        }
        at += line.len();
    }
    match open {
        Some((name, _)) => Err(format!("the table {name} has no end")),
        None => Ok(found),
    }
}

/// The document with these tables in it, where it has such ones.
pub fn replace(document: &str, blocks: &[Block]) -> Result<String, String> {
    let mut new = String::new();
    let mut rest = 0;
    for (name, from, to) in find(document)? {
        if let Some(block) = blocks.iter().find(|b| b.name == name) {
            new.push_str(document.get(rest..from).unwrap_or_default());
            new.push('\n');
            new.push_str(&block.text);
            new.push('\n');
            rest = to;
        }
    }
    new.push_str(document.get(rest..).unwrap_or_default());
    Ok(new)
}

/// The cells of a simple table, without its head.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let lines = table
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('='));
    lines
        .skip(1)
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|c| !c.is_empty())
                .collect()
        })
        .collect()
}

/// What the document tells otherwise, in what may not differ. A host that was not measured is not compared.
pub fn differences(document: &str, blocks: &[Block]) -> Result<Vec<String>, String> {
    let mut differences = missed(document)?;
    let tables = find(document)?;
    if !tables.iter().any(|(name, ..)| *name == MODELLED) {
        differences.push(format!("no table {MODELLED}"));
    }
    for (name, from, to) in tables {
        let stands = document.get(from..to).unwrap_or_default();
        let Some(block) = blocks.iter().find(|b| b.name == name) else {
            continue;
        };
        let (stands, measured) = (cells(stands), cells(&block.text));
        let compared = |row: &[&str]| -> String {
            let part: Vec<&str> = if name.starts_with(COUNTS) {
                let ours = row.iter().skip(THEIRS);
                row.iter().take(1).chain(ours).copied().collect()
            } else if name.starts_with(REQUIRED) {
                // What was found may differ.
                row.iter()
                    .take(1)
                    .chain(row.iter().skip(2))
                    .copied()
                    .collect()
            } else if name == MODELLED {
                row.to_vec()
            } else {
                Vec::new()
            };
            part.join(", ")
        };
        for i in 0..stands.len().max(measured.len()) {
            let row = |of: &[Vec<&str>]| of.get(i).map(|r| compared(r)).unwrap_or_default();
            let (stands, measured) = (row(&stands), row(&measured));
            if stands != measured {
                differences.push(format!("{name}: \"{stands}\", measured \"{measured}\""));
            }
        }
    }
    Ok(differences)
}

/// Required figures in the document that are beyond their limits.
fn missed(document: &str) -> Result<Vec<String>, String> {
    let mut missed = Vec::new();
    for (name, from, to) in find(document)? {
        if !name.starts_with(REQUIRED) {
            continue;
        }
        for row in cells(document.get(from..to).unwrap_or_default()) {
            let number = |i: usize| row.get(i).and_then(|c| c.parse::<f64>().ok());
            match (number(1), number(2)) {
                (Some(found), Some(limit)) if found <= limit => (),
                _ => missed.push(format!("{name}: {}", row.join(", "))),
            }
        }
    }
    Ok(missed)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// The document as it stands.
    const DOCUMENT: &str = include_str!("../../../Documentation/cost.rst");

    fn table(name: &str, rows: &[&[&str]]) -> Block {
        let mut table = Table::new(1, &["what", "june", "taken", "module", "assist"]);
        for row in rows {
            table.row(row.iter().map(ToString::to_string).collect());
        }
        block(name.into(), &table)
    }

    fn counts(ours: &str) -> Block {
        table(
            "RMPOPT and scans 4x24",
            &[&["first pass, cold", "9/9", "8/8", ours, "4/4"]],
        )
    }

    fn document(blocks: &[Block]) -> String {
        let all: Vec<String> = blocks.iter().map(ToString::to_string).collect();
        format!("Text.\n\n{}\nMore.\n", all.join("\n"))
    }

    #[test]
    fn what_stands_in_the_document_is_within_its_limits_and_modelled_as_today() {
        let found = find(DOCUMENT).unwrap();
        let is = |what: &str| found.iter().any(|(name, ..)| name.starts_with(what));
        for what in [
            COUNTS,
            REQUIRED,
            MODELLED,
            "churn",
            "waiting",
            "interrupts off",
        ] {
            assert!(is(what), "{what}");
        }
        assert_eq!(differences(DOCUMENT, &[modelled()]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_table_is_replaced_and_nothing_else() {
        let old = document(&[counts("1/1"), modelled()]);
        let new = replace(&old, &[counts("2/2"), table("no such", &[])]).unwrap();
        assert_eq!(new, document(&[counts("2/2"), modelled()]));
        assert_eq!(replace(&new, &[counts("1/1")]).unwrap(), old);
    }

    #[test]
    fn what_may_not_differ_is_told() {
        let stands = document(&[counts("1/1"), modelled()]);
        let told = |blocks: &[Block]| differences(&stands, blocks).unwrap().len();
        assert_eq!(told(&[counts("1/1"), modelled()]), 0);
        assert_eq!(told(&[counts("1/2")]), 1);
        // The others' counts, and a host that the document does not have.
        let theirs = [&["first pass, cold", "0/0", "1/1", "1/1", "4/4"][..]];
        assert_eq!(told(&[table("RMPOPT and scans 4x24", &theirs)]), 0);
        assert_eq!(told(&[table("RMPOPT and scans 8x24", &theirs)]), 0);
        // A row more.
        let more = [theirs[0], &["all held", "0/0", "1/1", "1/1", "4/4"]];
        assert_eq!(told(&[table("RMPOPT and scans 4x24", &more)]), 1);
        let mut other = modelled();
        other.text = other.text.replace("1,048,576", "1,048,577");
        assert_eq!(told(&[other]), 1);
        assert_eq!(
            differences("no tables", &[]).unwrap(),
            ["no table modelled"]
        );
    }

    #[test]
    fn a_required_figure_beyond_its_limit_is_told_without_a_run() {
        let required = |found, limit| {
            let mut table = Table::new(1, &["figure", "found", "at most"]);
            table.row(vec!["some share".into(), figure(found), figure(limit)]);
            block("required 4x24".into(), &table)
        };
        let told = |stands: &Block, run: &[Block]| {
            let document = document(&[stands.clone(), modelled()]);
            differences(&document, run).unwrap().len()
        };
        assert_eq!(told(&required(0.1, 0.15), &[]), 0);
        assert_eq!(told(&required(0.151, 0.15), &[]), 1);
        // Another run finds something else, but asks for the same.
        assert_eq!(told(&required(0.1, 0.15), &[required(0.12, 0.15)]), 0);
        assert_eq!(told(&required(0.1, 0.15), &[required(0.1, 0.2)]), 1);
    }

    #[test]
    fn a_table_without_an_end_is_an_error() {
        assert!(find(".. bench: a\n.. bench: b\n.. bench end\n").is_err());
        assert!(find(".. bench: a\n").is_err());
        assert!(find(".. bench end\n").is_err());
    }
}
