// SPDX-License-Identifier: GPL-2.0

//! `record`: looks at the table again and again, and writes down what changed.

use super::map;
use crate::{
    cli,
    collect::{
        host,
        list::List,
        memory::Nodes,
        processor,
        record::{Gib, Head, Look, State, VERSION},
        table,
        time::ms,
        Root,
    },
    exit::{Code, Failure},
    output::{Data, Output},
    show,
    signals::{self, Stop},
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// What came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The file.
    pub file: String,
    /// How often the table was read.
    pub looks: u64,
    /// How often it had changed.
    pub changes: u64,
    /// How often it could not be read.
    pub failed: u64,
    /// Milliseconds from the first look to the end.
    pub ms: u64,
    /// What ended it: `duration`, or a signal's name.
    pub ended_by: String,
}

/// Standard output.
const DASH: &str = "-";

/// Records until a signal comes or the time is over.
///
/// # Errors
///
/// The first look fails; the file is there already or cannot be written. Later looks that fail are in the file.
pub fn run(root: &Root, output: &Output, arguments: &cli::Record) -> Result<Code> {
    let file = arguments.file.as_path();
    let piped = file == Path::new(DASH);
    if piped && output.json {
        let text = "--json says what came of it on standard output: not with \"-\"";
        return Err(Failure::error(Code::Failed, text));
    }
    root.require_module()?;
    let stop = Stop::catch()?;
    let mut looker = Looker::default();
    let first = looker.look(root)?;
    let mut to = Writer::open(file, piped, arguments.force)?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    to.line(&Head {
        rmpopt_record: VERSION,
        kernel: host::release(root),
        began_ms: since.map_or(0, ms),
        interval_ms: ms(arguments.interval),
    })?;
    if io::stderr().is_terminal() {
        let every = show::time::span(ms(arguments.interval));
        // It is for people; the file counts.
        let _ = writeln!(io::stderr(), "recording every {every}; Control-C ends it");
    }
    let report = record(root, arguments, &stop, (&mut looker, first), &mut to)?;
    if !piped {
        let text = text(&report);
        output.print(Data::Record(report), |_| text)?;
    }
    Ok(Code::Done)
}

fn text(report: &Report) -> String {
    format!(
        "{} in {}, {} with changes, {} failed; ended by {}: {}\n",
        show::style::count(report.looks, "look", "looks"),
        show::time::span(report.ms),
        report.changes,
        report.failed,
        report.ended_by,
        report.file
    )
}

fn record(
    root: &Root,
    arguments: &cli::Record,
    stop: &Stop,
    (looker, first): (&mut Looker, State),
    to: &mut Writer,
) -> Result<Report> {
    let began = Instant::now();
    let mut report = Report {
        file: to.name.clone(),
        looks: 0,
        changes: 0,
        failed: 0,
        ms: 0,
        ended_by: "duration".to_owned(),
    };
    let mut before = State::default();
    let mut gap = None;
    let mut state = Ok(first);
    loop {
        let t = ms(began.elapsed());
        report.looks += 1;
        match state {
            Ok(state) => {
                to.line(&state.since(&before, t))?;
                // The first look is no change.
                report.changes += u64::from(state != before && report.looks != 1);
                (before, gap) = (state, None);
            }
            Err(e) => {
                let why = format!("{e:#}");
                report.failed += 1;
                // Said once; what follows says that it is so still.
                let news = gap.as_ref() != Some(&why);
                to.line(&Look {
                    t,
                    gap: news.then(|| why.clone()),
                    ..Look::default()
                })?;
                (before, gap) = (State::default(), Some(why));
            }
        }
        let (wait, last) = next(began.elapsed(), arguments);
        let signal = stop.wait(wait);
        if let Some(signal) = signal {
            report.ended_by = signals::name(signal).to_owned();
        }
        if last || signal.is_some() {
            report.ms = ms(began.elapsed());
            to.line(&Look {
                t: report.ms,
                end: Some(report.ended_by.clone()),
                ..Look::default()
            })?;
            return Ok(report);
        }
        state = looker.look(root);
    }
}

/// How long to wait for the next look, and whether there is none, because the time is over then. A look that took too
/// long makes those that it missed no later.
fn next(elapsed: Duration, arguments: &cli::Record) -> (Duration, bool) {
    let (past, interval) = (ms(elapsed), ms(arguments.interval).max(1));
    let due = (past / interval).saturating_add(1).saturating_mul(interval);
    match arguments.duration.map(ms) {
        Some(end) if end <= due => (Duration::from_millis(end.saturating_sub(past)), true),
        _ => (Duration::from_millis(due.saturating_sub(past)), false),
    }
}

/// What is kept from look to look, because it seldom changes and is dear to read.
#[derive(Default)]
struct Looker {
    online: Option<List>,
    cores: Vec<List>,
    gibs: Vec<u32>,
    nodes: Nodes,
}

impl Looker {
    /// Asks each core once.
    fn look(&mut self, root: &Root) -> Result<State> {
        // So that a folder that is gone is no missing file.
        root.require_module()?;
        let table = table::read(root)?;
        let online = host::online(root)?;
        let gibs: Vec<u32> = table.iter().map(|line| line.gib).collect();
        if online != self.online || gibs != self.gibs || self.cores.is_empty() {
            let processor = processor::read(root)?;
            let all = online.clone().unwrap_or_else(|| processor.cpus.clone());
            self.cores = super::status::online_cores(&processor, &all);
            self.nodes = Nodes::read(root)?;
            (self.online, self.gibs) = (online, gibs);
        }
        let could_be = map::passive(&table);
        let cores = if could_be { 1 } else { count(self.cores.len()) };
        let on = |line: &table::Line| {
            if could_be {
                return u64::from(map::could(line));
            }
            let has = |core: &&List| core.iter().any(|cpu| line.cpus.contains(cpu));
            count(self.cores.iter().filter(has).count())
        };
        // Most lines have the list of the line before.
        let mut last: Option<(&table::Line, u64)> = None;
        let mut gibs = Vec::with_capacity(table.len());
        for line in &table {
            let on = match last {
                Some((before, on)) if before.cpus == line.cpus && before.note == line.note => on,
                _ => on(line),
            };
            last = Some((line, on));
            let node = self.nodes.of(line.gib);
            let gib = line.gib;
            gibs.push(Gib { gib, node, on });
        }
        Ok(State {
            cores,
            could_be,
            gibs,
        })
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Each line is written at once and whole: what was written is there, however the program ends.
struct Writer {
    name: String,
    to: Box<dyn Write>,
}

impl Writer {
    fn open(file: &Path, piped: bool, force: bool) -> Result<Self> {
        let name = file.display().to_string();
        if piped {
            let to = Box::new(io::stdout());
            return Ok(Self { name, to });
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(!force);
        if force {
            options.create(true).truncate(true);
        }
        let opened = options.open(file);
        let opened = opened.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!("{name} is there already; --force writes over it")
            }
            _ => anyhow::Error::new(e).context(name.clone()),
        })?;
        let to = Box::new(opened);
        Ok(Self { name, to })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let written = self.to.write_all(text.as_bytes());
        let written = written.and_then(|()| self.to.flush());
        written.with_context(|| self.name.clone())
    }
}
