// SPDX-License-Identifier: GPL-2.0

//! `watch`: the status on a full screen: map, rates, events, guests.
//!
//! Events are what changed between two looks: which memory was won or lost, which passes there were.

use super::{
    guests, map,
    screen::{self, Next},
    status::{self, Report},
};
use crate::{
    cli,
    collect::{table, Root},
    exit::Code,
    output::Output,
    show,
    signals::Stop,
};
use anyhow::Result;
use ratatui::crossterm::event::KeyCode;
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// Events that are kept.
const EVENTS: usize = 200;

/// What the screen shows.
pub struct Model {
    /// The last status.
    pub report: Report,
    /// The last map.
    pub map: map::Map,
    /// What changed in each second since the look before.
    pub rates: Rates,
    /// The latest events, the newest first.
    pub events: VecDeque<String>,
    /// Guests, where they are wanted: that counts RMP entries.
    pub guests: Option<guests::Report>,
    /// Whether nothing is read at the moment.
    pub paused: bool,
    /// Seconds between two looks.
    pub interval: u64,
    /// Why the last look failed.
    pub error: Option<String>,
}

/// Per second, since the look before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Conversions of pages.
    pub conversions: u64,
    /// Regions verified.
    pub attempted: u64,
    /// RMPOPT of all cores.
    pub instructions: u64,
    /// Milliseconds of passes.
    pub busy_ms: u64,
}

/// What is read, and how it is wanted.
struct Watch<'a> {
    root: &'a Root,
    by: Option<cli::By>,
    guests: bool,
    began: Instant,
    /// When the timer last ran out.
    looked: Instant,
    /// When the files were last read.
    read: Instant,
    table: Vec<table::Line>,
    width: u16,
}

/// Shows the screen until q is pressed or a signal comes.
///
/// # Errors
///
/// There is no terminal; the module is not loaded; the first look fails. Later ones that fail are shown.
pub fn run(root: &Root, output: &Output, arguments: &cli::Watch) -> Result<Code> {
    let instead = "\"status\" and \"map\" print once, with --json too";
    screen::require(output, "watch", instead)?;
    root.require_module()?;
    let now = Instant::now();
    let mut watch = Watch {
        root,
        by: None,
        guests: false,
        began: now,
        looked: now,
        read: now,
        table: table::read(root)?,
        width: 80,
    };
    let mut model = Model {
        report: status::collect(root)?,
        map: watch.map()?,
        rates: Rates::default(),
        events: VecDeque::new(),
        guests: None,
        paused: false,
        interval: arguments.interval,
        error: None,
    };
    screen::lend(|terminal, stop| watch.show(terminal, stop, &mut model, output.style))
}

impl Watch<'_> {
    fn show(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        stop: &Stop,
        model: &mut Model,
        style: show::style::Style,
    ) -> Result<()> {
        loop {
            terminal.draw(|frame| show::watch::draw(frame, model, style))?;
            let width = terminal.size()?.width;
            let resized = std::mem::replace(&mut self.width, width) != width;
            let wait = Duration::from_secs(model.interval).saturating_sub(self.looked.elapsed());
            let mut look = resized;
            match screen::next(stop, wait)? {
                Next::End => return Ok(()),
                Next::Key(code) => look |= self.key(code, model),
                Next::Other => (),
                Next::Due => {
                    look = !model.paused;
                    self.looked = Instant::now();
                }
            }
            if look {
                model.error = self.look(model).err().map(|e| format!("{e:#}"));
            }
        }
    }

    /// What a key does; whether that wants a new look.
    fn key(&mut self, code: KeyCode, model: &mut Model) -> bool {
        match code {
            KeyCode::Char(' ') => model.paused = !model.paused,
            KeyCode::Char('m') => {
                self.by = match self.by {
                    Some(cli::By::Core) => Some(cli::By::Node),
                    _ => Some(cli::By::Core),
                };
                return true;
            }
            KeyCode::Char('g') => {
                self.guests = !self.guests;
                return true;
            }
            KeyCode::Char('+') => model.interval = model.interval.saturating_add(1).min(60),
            KeyCode::Char('-') => model.interval = model.interval.saturating_sub(1).max(1),
            KeyCode::Char('r') => return true,
            _ => (),
        }
        false
    }

    fn map(&self) -> Result<map::Map> {
        let width = usize::from(self.width).saturating_sub(2);
        let arguments = cli::Map {
            time: None,
            from: None,
            until: None,
            node: None,
            range: None,
            by: self.by,
            rows: 8,
            width: self.width,
            raw: false,
            svg: None,
            html: None,
        };
        map::collect(
            self.root,
            &arguments,
            width.saturating_sub(show::grid::LABEL + 1),
        )
    }

    /// Reads all anew.
    fn look(&mut self, model: &mut Model) -> Result<()> {
        let report = status::collect(self.root)?;
        let table = table::read(self.root)?;
        let now = Instant::now();
        let ms = now.duration_since(self.read).as_millis();
        let ms = u64::try_from(ms).unwrap_or(u64::MAX);
        self.read = now;
        model.rates = rates(&model.report, &report, ms);
        let seconds = self.began.elapsed().as_secs();
        for event in events(&self.table, &table, &model.report, &report) {
            model.events.push_front(format!("+{seconds} s  {event}"));
        }
        model.events.truncate(EVENTS);
        model.map = self.map()?;
        model.guests = match self.guests {
            true => Some(guests::collect(self.root, false)?),
            false => None,
        };
        self.table = table;
        model.report = report;
        Ok(())
    }
}

/// Between two looks that are so far apart.
fn rates(before: &Report, after: &Report, ms: u64) -> Rates {
    let (Some(before), Some(after)) = (&before.rmpopt, &after.rmpopt) else {
        return Rates::default();
    };
    let (before, after) = (&before.stats, &after.stats);
    let per_second = |before: u64, after: u64| {
        let since = u128::from(after.saturating_sub(before)) * 1000;
        u64::try_from(since / u128::from(ms.max(1))).unwrap_or(u64::MAX)
    };
    let busy =
        |s: &crate::collect::stats::Stats| s.leaders_us.saturating_add(s.followers_us) / 1000;
    Rates {
        conversions: per_second(before.conversions, after.conversions),
        attempted: per_second(before.regions_attempted, after.regions_attempted),
        instructions: per_second(before.instructions, after.instructions),
        busy_ms: per_second(busy(before), busy(after)),
    }
}

/// What happened between two looks.
fn events(
    before: &[table::Line],
    after: &[table::Line],
    old: &Report,
    new: &Report,
) -> Vec<String> {
    let mut all = Vec::new();
    let had: BTreeMap<u32, u64> = before.iter().map(|l| (l.gib, l.cpus.count())).collect();
    let gibs = |change: fn(u64, u64) -> bool| {
        let changed = after.iter().filter(|line| {
            let had = had.get(&line.gib).copied();
            had.is_some_and(|had| change(had, line.cpus.count()))
        });
        crate::collect::list::List::of(changed.map(|line| line.gib))
    };
    let lost = gibs(|had, has| has < had);
    if !lost.is_empty() {
        all.push(format!("lost: GiB {lost}"));
    }
    let won = gibs(|had, has| has > had);
    if !won.is_empty() {
        all.push(format!("won: GiB {won}"));
    }
    if let (Some(old), Some(new)) = (&old.rmpopt, &new.rmpopt) {
        for (reason, passes) in &new.stats.passes {
            let before = old.stats.passes.get(reason).copied().unwrap_or(0);
            let since = passes.saturating_sub(before);
            if since != 0 {
                let passes = show::style::count(since, "pass", "passes");
                all.push(format!("{passes}: {reason}"));
            }
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by them")]
mod tests {
    use super::{events, rates, Model, Rates, Root};
    use crate::{
        cmd::{guests, map, status},
        collect::{list::List, table},
        golden_file::same,
        show,
    };
    use ratatui::{backend::TestBackend, Terminal};
    use std::{collections::VecDeque, path::Path};

    fn zen6() -> Root {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        Root::new(Some(&tests.join("states/zen6"))).expect("the state")
    }

    /// What a later look at the same host may find: GiB 5 won, GiB 7 lost on some CPUs.
    fn later(table: &[table::Line]) -> Vec<table::Line> {
        let mut table = table.to_vec();
        for line in &mut table {
            match line.gib {
                5 => line.cpus = List::of(0..8),
                7 => line.cpus = List::of(0..4),
                _ => (),
            }
        }
        table
    }

    #[test]
    fn events_are_what_changed() {
        let root = zen6();
        let old = status::collect(&root).expect("the status");
        let mut new = old.clone();
        let stats = new.rmpopt.as_mut().map(|loaded| &mut loaded.stats);
        let stats = stats.expect("it is loaded");
        *stats.passes.entry("given-back".into()).or_default() += 2;
        stats.conversions += 3000;
        stats.leaders_us += 1500;
        stats.followers_us += 1500;
        let table = table::read(&root).expect("the table");
        assert!(events(&table, &table, &old, &old).is_empty());
        let found = events(&table, &later(&table), &old, &new);
        assert_eq!(found, ["lost: GiB 7", "won: GiB 5", "2 passes: given-back"]);
        let wanted = Rates {
            conversions: 1500,
            busy_ms: 1,
            ..Rates::default()
        };
        assert_eq!(rates(&old, &new, 2000), wanted);
        // Loaded anew meanwhile.
        assert_eq!(rates(&new, &old, 2000), Rates::default());
    }

    fn screen(width: u16, height: u16, change: impl FnOnce(&mut Model)) -> String {
        let root = zen6();
        let arguments = crate::cli::Map {
            time: None,
            from: None,
            until: None,
            node: None,
            range: None,
            by: None,
            rows: 8,
            width,
            raw: false,
            svg: None,
            html: None,
        };
        let mut model = Model {
            report: status::collect(&root).expect("the status"),
            map: map::collect(&root, &arguments, usize::from(width)).expect("the map"),
            rates: Rates {
                conversions: 12_345,
                ..Rates::default()
            },
            events: VecDeque::from(["+4 s  lost: GiB 7".to_owned()]),
            guests: None,
            paused: false,
            interval: 2,
            error: None,
        };
        change(&mut model);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let style = show::style::Style { colour: false };
        terminal
            .draw(|frame| show::watch::draw(frame, &model, style))
            .expect("it is drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn screens() {
        same("watch.80x24", &screen(80, 24, |_| ()));
        let guests = |model: &mut Model| {
            model.guests = Some(guests::collect(&zen6(), false).expect("the guests"));
            model.paused = true;
        };
        same("watch.100x32.guests", &screen(100, 32, guests));
        let error = |model: &mut Model| model.error = Some("stats: no such file".into());
        same("watch.error", &screen(80, 24, error));
    }

    /// However small, down to nothing.
    #[test]
    fn small_screens() {
        for (width, height) in [(1, 1), (10, 5), (40, 3), (20, 60)] {
            screen(width, height, |_| ());
        }
    }
}
