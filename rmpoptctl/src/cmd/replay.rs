// SPDX-License-Identifier: GPL-2.0

//! `replay`: a record on the full screen, with zoom, scrolling, and the state at the cursor.

use super::{
    screen::{self, Next},
    timeline::{self, Timeline, Wanted},
};
use crate::{
    cli,
    collect::{extent::Extent, record::State},
    exit::Code,
    output::{Data, Output},
    show,
    signals::Stop,
};
use anyhow::Result;
use ratatui::crossterm::event::KeyCode;
use std::time::Duration;

/// Nothing happens on this screen but by a key.
const WAIT: Duration = Duration::from_secs(3600);
/// Lines of the screen that are not rows of the picture.
const AROUND: u16 = 11;

/// What the screen shows.
pub struct Model {
    /// The file's name.
    pub name: String,
    /// The part of the record that is on the screen.
    pub timeline: Timeline,
    /// What was known at the cursor.
    pub state: State,
    /// The cursor: column and row.
    pub cursor: (usize, usize),
    /// Why the file could not be read again.
    pub error: Option<String>,
}

/// Which part of the record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct View {
    /// Milliseconds, from and until.
    time: (u64, u64),
    /// First and last GiB.
    memory: (u32, u32),
}

/// Shows the record until q is pressed; prints it where JSON is wanted.
///
/// # Errors
///
/// There is no terminal; the file cannot be read or is not of the format.
pub fn run(output: &Output, arguments: &cli::Replay) -> Result<Code> {
    if output.json {
        let wanted = Wanted {
            columns: 66,
            rows: 32,
            ..Wanted::default()
        };
        let (timeline, _) = timeline::collect(&arguments.file, &wanted)?;
        output.print(Data::Replay(timeline), |_| String::new())?;
        return Ok(Code::Done);
    }
    screen::require(
        output,
        "replay",
        "\"map --time\" prints once, with --json too",
    )?;
    let mut replay = Replay::open(arguments, (80, 24))?;
    screen::lend(|terminal, stop| replay.show(terminal, stop, output.style))
}

/// The screen and what is on it.
struct Replay<'a> {
    arguments: &'a cli::Replay,
    view: View,
    whole: View,
    size: (u16, u16),
    model: Model,
}

impl<'a> Replay<'a> {
    fn open(arguments: &'a cli::Replay, size: (u16, u16)) -> Result<Self> {
        let wanted = wanted(None, size, 0);
        let (timeline, state) = timeline::collect(&arguments.file, &wanted)?;
        let whole = whole(&timeline);
        let model = Model {
            name: arguments.file.display().to_string(),
            timeline,
            state,
            cursor: (0, 0),
            error: None,
        };
        Ok(Self {
            arguments,
            view: whole,
            whole,
            size,
            model,
        })
    }

    fn show(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        stop: &Stop,
        style: show::style::Style,
    ) -> Result<()> {
        loop {
            let size = terminal.size()?;
            if self.size != (size.width, size.height) {
                self.size = (size.width, size.height);
                self.read();
            }
            terminal.draw(|frame| show::replay::draw(frame, &self.model, style))?;
            match screen::next(stop, WAIT)? {
                Next::End => return Ok(()),
                Next::Key(code) => self.key(code),
                Next::Other | Next::Due => (),
            }
        }
    }

    /// Reads the part anew, and the state at the cursor.
    fn read(&mut self) {
        let (column, _) = self.model.cursor;
        let at = self.model.timeline.columns.get(column);
        let at = at.map_or(self.view.time.0, |span| span.from_ms);
        let wanted = wanted(Some(self.view), self.size, at);
        match timeline::collect(&self.arguments.file, &wanted) {
            Ok((timeline, state)) => {
                (self.model.timeline, self.model.state) = (timeline, state);
                self.model.error = None;
            }
            Err(e) => self.model.error = Some(format!("{e:#}")),
        }
        let (columns, rows) = self.extent();
        let (column, row) = &mut self.model.cursor;
        *column = (*column).min(columns.saturating_sub(1));
        *row = (*row).min(rows.saturating_sub(1));
    }

    fn extent(&self) -> (usize, usize) {
        let timeline = &self.model.timeline;
        (timeline.columns.len(), timeline.rows.len())
    }

    fn key(&mut self, code: KeyCode) {
        let (columns, rows) = self.extent();
        let (column, row) = self.model.cursor;
        let view = self.view;
        match code {
            KeyCode::Left if column > 0 => self.model.cursor.0 -= 1,
            KeyCode::Right if column + 1 < columns => self.model.cursor.0 += 1,
            KeyCode::Up if row > 0 => self.model.cursor.1 -= 1,
            KeyCode::Down if row + 1 < rows => self.model.cursor.1 += 1,
            KeyCode::Left => self.view.time = earlier(view.time, self.whole.time),
            KeyCode::Right => self.view.time = later(view.time, self.whole.time),
            KeyCode::Up => {
                self.view.memory = narrow(earlier(wide(view.memory), wide(self.whole.memory)))
            }
            KeyCode::Down => {
                self.view.memory = narrow(later(wide(view.memory), wide(self.whole.memory)))
            }
            KeyCode::Home => self.model.cursor.0 = 0,
            KeyCode::End => self.model.cursor.0 = columns.saturating_sub(1),
            KeyCode::Char('+' | '=') => self.view.time = nearer(view.time, column, columns),
            KeyCode::Char('-') => self.view.time = farther(view.time, self.whole.time),
            KeyCode::Char(']') => self.view.memory = narrow(nearer(wide(view.memory), row, rows)),
            KeyCode::Char('[') => {
                self.view.memory = narrow(farther(wide(view.memory), wide(self.whole.memory)))
            }
            KeyCode::Char('0') => self.view = self.whole,
            KeyCode::Char('r') => self.again(),
            _ => return,
        }
        // The picture first: the cursor's column is another moment in it.
        if self.view != view {
            self.read();
        }
        self.read();
    }

    /// The record may have grown.
    fn again(&mut self) {
        let all = self.view == self.whole;
        if let Ok((timeline, _)) =
            timeline::collect(&self.arguments.file, &wanted(None, self.size, 0))
        {
            self.whole = whole(&timeline);
            if all {
                self.view = self.whole;
            }
        }
    }
}

fn whole(timeline: &Timeline) -> View {
    let first = timeline.rows.first().map_or(0, |row| row.first_gib);
    let last = timeline.rows.last().map_or(0, |row| row.last_gib);
    View {
        time: (0, timeline.length_ms),
        memory: (first, last),
    }
}

fn wanted(view: Option<View>, (width, height): (u16, u16), at: u64) -> Wanted {
    let width = usize::from(width).saturating_sub(show::grid::LABEL + 3);
    Wanted {
        from: view.map(|view| view.time.0),
        until: view.map(|view| view.time.1),
        columns: width.max(1),
        rows: usize::from(height.saturating_sub(AROUND)).max(1),
        range: view.map(
            |View {
                 memory: (first, last),
                 ..
             }| Extent { first, last },
        ),
        node: None,
        at: Some(at),
    }
}

/// GiBs, first and last, as a half-open range, and back.
fn wide((first, last): (u32, u32)) -> (u64, u64) {
    (u64::from(first), u64::from(last) + 1)
}

fn narrow((from, until): (u64, u64)) -> (u32, u32) {
    let gib = |n| u32::try_from(n).unwrap_or(u32::MAX);
    (gib(from), gib(until.saturating_sub(1)))
}

/// A quarter of the range towards the beginning of all.
fn earlier((from, until): (u64, u64), all: (u64, u64)) -> (u64, u64) {
    let by = ((until - from) / 4).max(1).min(from.saturating_sub(all.0));
    (from - by, until - by)
}

fn later((from, until): (u64, u64), all: (u64, u64)) -> (u64, u64) {
    let by = ((until - from) / 4).max(1).min(all.1.saturating_sub(until));
    (from + by, until + by)
}

/// Half of the range, with the cursor where it is.
fn nearer((from, until): (u64, u64), at: usize, of: usize) -> (u64, u64) {
    let length = until - from;
    let half = (length / 2).max(1);
    let share = |n: usize| u128::try_from(n).unwrap_or(0);
    let before = u128::from(length - half) * share(at) / share(of.saturating_sub(1)).max(1);
    let from = from + u64::try_from(before).unwrap_or(0).min(length - half);
    (from, from + half)
}

/// Twice the range, within all.
fn farther((from, until): (u64, u64), all: (u64, u64)) -> (u64, u64) {
    let length = until - from;
    let from = from.saturating_sub(length / 2).max(all.0);
    let until = from.saturating_add(length.saturating_mul(2)).min(all.1);
    let from = until.saturating_sub(length.saturating_mul(2)).max(all.0);
    (from, until.max(from + 1))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by them")]
mod tests {
    use super::{earlier, farther, later, narrow, nearer, wide, Replay};
    use crate::{cli, golden_file::same, show};
    use ratatui::{backend::TestBackend, crossterm::event::KeyCode, Terminal};
    use std::path::Path;

    /// What the screen has after these keys, on the record of the tests.
    fn screen(width: u16, height: u16, keys: &[KeyCode]) -> String {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let arguments = cli::Replay {
            file: tests.join("records/guest.jsonl"),
        };
        let mut replay = Replay::open(&arguments, (width, height)).expect("the record");
        replay.model.name = "guest.jsonl".to_owned();
        for key in keys {
            replay.key(*key);
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let style = show::style::Style { colour: false };
        terminal
            .draw(|frame| show::replay::draw(frame, &replay.model, style))
            .expect("it is drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn screens() {
        use KeyCode::{Char, Down, End, Home, Right};
        same("replay.80x24", &screen(80, 24, &[]));
        same("replay.end", &screen(80, 24, &[End, Down, Down]));
        same("replay.time", &screen(80, 24, &[End, Char('+'), Char('+')]));
        same("replay.memory", &screen(80, 20, &[Char(']'), Right]));
        let there = [Char('+'), Char(']'), Right, Char('0'), Home];
        assert_eq!(screen(80, 24, &there), screen(80, 24, &[]));
    }

    /// However small, down to nothing, and whatever keys.
    #[test]
    fn small_screens() {
        for (width, height) in [(1, 1), (10, 5), (40, 3), (20, 60)] {
            let mut keys = vec![KeyCode::Char('+'); 20];
            keys.extend([KeyCode::Char(']'); 8]);
            keys.extend([KeyCode::Right, KeyCode::Down, KeyCode::Left, KeyCode::Up]);
            keys.extend([KeyCode::Char('['); 3]);
            keys.extend([KeyCode::Char('-'); 3]);
            screen(width, height, &keys);
        }
    }

    #[test]
    fn ranges_stay_within_all() {
        let all = (0, 1000);
        assert_eq!(nearer(all, 0, 11), (0, 500));
        assert_eq!(nearer(all, 10, 11), (500, 1000));
        assert_eq!(nearer((5, 6), 0, 1), (5, 6));
        assert_eq!(farther((500, 600), all), (450, 650));
        assert_eq!(farther((900, 1000), all), (800, 1000));
        assert_eq!(farther(all, all), all);
        assert_eq!(earlier((100, 500), all), (0, 400));
        assert_eq!(later((100, 500), all), (200, 600));
        assert_eq!(later((600, 1000), all), (600, 1000));
        assert_eq!(narrow(wide((3, 7))), (3, 7));
    }
}
