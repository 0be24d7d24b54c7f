// SPDX-License-Identifier: GPL-2.0

//! The files of `record`: which memory was optimised, and when. `Documentation/rmpoptctl.rst` has the format.
//!
//! JSON lines: a head, then one line for each look, with what changed since the line before. A file may be hostile, of
//! any length, and cut off anywhere; what is kept of it here is one line and the present state.

use super::list::shorten;
use anyhow::{anyhow, Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The version of the format. A reader refuses a greater one.
pub const VERSION: u32 = 1;
/// No line is longer than this many bytes.
const LONGEST: u64 = 4 << 20;
/// GiBs in 52 bits of address.
const GIBS: u32 = 1 << 22;
/// O_NONBLOCK: a pipe must not keep us waiting.
const NONBLOCK: i32 = 0o4000;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format.
    pub rmpopt_record: u32,
    /// The kernel's release.
    pub kernel: String,
    /// When it began: milliseconds since 1970, UTC.
    pub began_ms: u64,
    /// Milliseconds between two looks.
    pub interval_ms: u64,
}

/// Any other line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When: milliseconds since the file began.
    pub t: u64,
    /// How many cores there are; where it stands, `ram` and `on` have all of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// The processor has no RMPOPT: `on` is 1 for what could be optimised, and `cores` is 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub could_be: bool,
    /// GiBs with RAM: first, last, node; a node of -1 is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ram: Vec<(u32, u32, i64)>,
    /// GiBs that changed: first, last, on how many cores they are optimised. After `cores` all others are on none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<(u32, u32, u64)>,
    /// Why nothing could be read; until the next line with `cores` nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// The last line: by what the end came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// A GiB with RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gib {
    /// Its number.
    pub gib: u32,
    /// Its node.
    pub node: Option<u32>,
    /// On how many cores it is optimised.
    pub on: u64,
}

/// What is known at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How many cores there are.
    pub cores: u64,
    /// The processor has no RMPOPT: `on` is 1 for what could be optimised.
    pub could_be: bool,
    /// Memory, ascending. None of it where nothing is known.
    pub gibs: Vec<Gib>,
}

impl State {
    /// The line that says how this state differs from the one before; the whole state where memory or cores differ.
    pub fn since(&self, before: &Self, t: u64) -> Look {
        let same = before.cores == self.cores
            && before.could_be == self.could_be
            && before.gibs.len() == self.gibs.len()
            && (before.gibs.iter().zip(&self.gibs))
                .all(|(a, b)| (a.gib, a.node) == (b.gib, b.node));
        if same {
            let changed = before.gibs.iter().zip(&self.gibs);
            let changed = changed.filter(|(a, b)| a.on != b.on);
            let on = runs(changed.map(|(_, gib)| (gib.gib, gib.on)));
            return Look {
                t,
                on,
                ..Look::default()
            };
        }
        let node = |gib: &Gib| gib.node.map_or(-1, i64::from);
        let on = self.gibs.iter().filter(|gib| gib.on != 0);
        Look {
            t,
            cores: Some(self.cores),
            could_be: self.could_be,
            ram: runs(self.gibs.iter().map(|gib| (gib.gib, node(gib)))),
            on: runs(on.map(|gib| (gib.gib, gib.on))),
            ..Look::default()
        }
    }

    /// Takes what a line says.
    ///
    /// # Errors
    ///
    /// It names memory that is not there, or is not ascending.
    pub fn apply(&mut self, look: &Look) -> Result<()> {
        if let Some(cores) = look.cores {
            self.cores = cores;
            self.could_be = look.could_be;
            self.gibs.clear();
            let mut next = 0;
            for (first, last, node) in &look.ram {
                if *first < next || last < first || *last >= GIBS {
                    return Err(anyhow!(
                        "ram: {first}-{last} is not a range above the one before"
                    ));
                }
                next = last + 1;
                let node = u32::try_from(*node).ok();
                let gibs = (*first..=*last).map(|gib| Gib { gib, node, on: 0 });
                self.gibs.extend(gibs);
            }
        }
        if look.gap.is_some() {
            *self = Self::default();
        }
        let mut next = 0;
        for (first, last, on) in &look.on {
            if *first < next || last < first {
                return Err(anyhow!(
                    "on: {first}-{last} is not a range above the one before"
                ));
            }
            next = last.saturating_add(1);
            let from = self.gibs.partition_point(|gib| gib.gib < *first);
            let gibs = self.gibs.iter_mut().skip(from);
            let mut found = false;
            for gib in gibs.take_while(|gib| gib.gib <= *last) {
                gib.on = (*on).min(self.cores);
                found = true;
            }
            if !found {
                return Err(anyhow!("on: {first}-{last}: there is no RAM"));
            }
        }
        Ok(())
    }
}

/// Neighbours of one value as a range.
fn runs<V: PartialEq + Copy>(gibs: impl Iterator<Item = (u32, V)>) -> Vec<(u32, u32, V)> {
    let mut runs: Vec<(u32, u32, V)> = Vec::new();
    for (gib, value) in gibs {
        match runs.last_mut() {
            Some((_, last, of)) if *of == value && last.checked_add(1) == Some(gib) => *last = gib,
            _ => runs.push((gib, gib, value)),
        }
    }
    runs
}

/// Reads a file, line by line.
pub struct Reader {
    name: PathBuf,
    lines: BufReader<File>,
    line: u64,
    before: u64,
    /// The first line.
    pub head: Head,
    /// The file ends within a line: that one is left out.
    pub cut_off: bool,
}

impl Reader {
    /// Opens it and reads its head.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no regular file, or not of the format.
    pub fn open(file: &Path) -> Result<Self> {
        let name = || file.display().to_string();
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(NONBLOCK)
            .open(file);
        let opened = opened.with_context(name)?;
        if !opened.metadata().with_context(name)?.is_file() {
            return Err(anyhow!("{}: not a regular file", file.display()));
        }
        let head = Head {
            rmpopt_record: 0,
            kernel: String::new(),
            began_ms: 0,
            interval_ms: 0,
        };
        let mut reader = Self {
            name: file.to_path_buf(),
            lines: BufReader::new(opened),
            line: 0,
            before: 0,
            head,
            cut_off: false,
        };
        let text = reader.text()?.unwrap_or_default();
        let head: Head = serde_json::from_str(&text)
            .map_err(|_| anyhow!("{}: not a file of rmpoptctl record", file.display()))?;
        if head.rmpopt_record != VERSION {
            let version = head.rmpopt_record;
            return Err(anyhow!(
                "{}: version {version} of the format; this rmpoptctl reads version {VERSION}",
                file.display()
            ));
        }
        let kernel = super::clean(head.kernel.as_bytes());
        reader.head = Head { kernel, ..head };
        Ok(reader)
    }

    /// The next look; `None` at the end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or a line that is not the last one is not of the format.
    pub fn next(&mut self) -> Result<Option<Look>> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        let whole = text.ends_with('\n');
        match serde_json::from_str::<Look>(&text) {
            Ok(look) if look.t < self.before => {
                Err(anyhow!("earlier than the line before")).with_context(|| self.place())
            }
            Ok(look) => {
                self.before = look.t;
                Ok(Some(look))
            }
            // Whoever wrote it was stopped.
            Err(_) if !whole => {
                self.cut_off = true;
                Ok(None)
            }
            Err(_) => Err(anyhow!(
                "\"{}\" is not a look",
                shorten(&super::clean(text.trim().as_bytes()))
            ))
            .with_context(|| self.place()),
        }
    }

    /// Where the last line stands.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.name.display(), self.line)
    }

    fn text(&mut self) -> Result<Option<String>> {
        self.line += 1;
        let mut bytes = Vec::new();
        let mut limited = (&mut self.lines).take(LONGEST);
        limited
            .read_until(b'\n', &mut bytes)
            .with_context(|| self.name.display().to_string())?;
        if u64::try_from(bytes.len()).map_or(true, |n| n >= LONGEST) {
            return Err(anyhow!("longer than 4 MiB")).with_context(|| self.place());
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by them")]
mod tests {
    use super::{Gib, Look, State};

    fn state(cores: u64, on: &[(u32, u64)]) -> State {
        let gib = |(gib, on): &(u32, u64)| Gib {
            gib: *gib,
            node: Some(gib / 4),
            on: *on,
        };
        State {
            cores,
            could_be: false,
            gibs: on.iter().map(gib).collect(),
        }
    }

    /// What is written brings the reader where the writer was.
    #[test]
    fn states_come_back() {
        let states = [
            state(4, &[(0, 4), (1, 0), (4, 4), (5, 4)]),
            state(4, &[(0, 4), (1, 0), (4, 0), (5, 2)]),
            state(4, &[(0, 4), (1, 0), (4, 0), (5, 2)]),
            state(8, &[(0, 4), (1, 8), (4, 0), (5, 2)]),
            state(8, &[(0, 4), (1, 8), (4, 0), (5, 2), (6, 8)]),
        ];
        let (mut writer, mut reader) = (State::default(), State::default());
        for (t, state) in (0..).zip(states) {
            let look = state.since(&writer, t);
            let text = serde_json::to_string(&look).expect("it is written");
            let read: Look = serde_json::from_str(&text).expect("it is read");
            assert_eq!(read, look);
            reader.apply(&read).expect("it is of the format");
            assert_eq!(reader, state, "{text}");
            writer = state;
        }
    }

    #[test]
    fn only_changes_are_written() {
        let before = state(4, &[(0, 4), (1, 0), (2, 4), (3, 4)]);
        let text =
            |after: &State| serde_json::to_string(&after.since(&before, 7)).expect("it is written");
        assert_eq!(text(&before), r#"{"t":7}"#);
        let after = state(4, &[(0, 4), (1, 0), (2, 0), (3, 0)]);
        assert_eq!(text(&after), r#"{"t":7,"on":[[2,3,0]]}"#);
    }

    #[test]
    fn refuses_what_is_no_state() {
        for text in [
            r#"{"t":0,"cores":1,"ram":[[2,1,0]]}"#,
            r#"{"t":0,"cores":1,"ram":[[0,1,0],[1,2,0]]}"#,
            r#"{"t":0,"cores":1,"ram":[[0,4194304,0]]}"#,
            r#"{"t":0,"cores":1,"ram":[[0,1,0]],"on":[[2,2,1]]}"#,
            r#"{"t":0,"cores":1,"ram":[[0,3,0]],"on":[[2,2,1],[1,1,1]]}"#,
            r#"{"t":0,"on":[[0,0,1]]}"#,
        ] {
            let look: Look = serde_json::from_str(text).expect("it is JSON");
            assert!(State::default().apply(&look).is_err(), "{text}");
        }
    }
}
