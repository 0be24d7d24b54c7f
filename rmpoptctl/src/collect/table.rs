// SPDX-License-Identifier: GPL-2.0

//! `rmpopt-table`: on which CPUs each GiB with RAM is optimised.

use super::{
    list::{shorten, List},
    Root, DEBUG,
};
use anyhow::{anyhow, Context, Result};

/// A GiB with RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, counted from address 0.
    pub gib: u32,
    /// The CPUs on which it is optimised.
    pub cpus: List,
    /// What stands behind the list in parentheses.
    pub note: Option<String>,
}

/// Reads the table; each core is asked once for that.
///
/// # Errors
///
/// The file cannot be read, or a line is not of the published format, or the GiBs do not ascend.
pub fn read(root: &Root) -> Result<Vec<Line>> {
    let file = format!("{DEBUG}/rmpopt-table");
    let text = root.text(&file)?;
    let mut lines: Vec<Line> = Vec::new();
    for (i, text) in text.lines().enumerate() {
        let place = || format!("{}, line {}", root.path(&file).display(), i + 1);
        let line = line(text).with_context(place)?;
        if lines.last().is_some_and(|before| before.gib >= line.gib) {
            return Err(anyhow!("GiB {} is not above the one before", line.gib))
                .with_context(place);
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Reads `Memory @  3GB: CPU(s): 0-7 (note)`.
fn line(text: &str) -> Result<Line> {
    let bad = || {
        anyhow!(
            "\"{}\" is not \"Memory @<N>GB: CPU(s): <list>\"",
            shorten(text)
        )
    };
    let rest = text.strip_prefix("Memory @").ok_or_else(bad)?;
    let (gib, rest) = rest.split_once("GB: CPU(s): ").ok_or_else(bad)?;
    let gib = List::parse(gib)?;
    let gib = gib.first().filter(|_| gib.count() == 1).ok_or_else(bad)?;
    let (cpus, note) = match rest.split_once(" (") {
        Some((cpus, note)) => (cpus, Some(note.strip_suffix(')').ok_or_else(bad)?)),
        None => (rest, None),
    };
    Ok(Line {
        gib,
        cpus: List::parse(cpus)?,
        note: note.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn reads_the_published_format() {
        let read = |text| line(text).map(|l| (l.gib, l.cpus.to_string(), l.note));
        assert_eq!(
            read("Memory @  3GB: CPU(s): 0-7,9").ok(),
            Some((3, "0-7,9".into(), None))
        );
        assert_eq!(
            read("Memory @2100GB: CPU(s): none (not covered)").ok(),
            Some((2100, "none".into(), Some("not covered".into())))
        );
    }

    #[test]
    fn refuses_all_else() {
        for text in [
            "",
            "Memory @GB: CPU(s): 0",
            "Memory @  1GB: CPU(s): 7-0",
            "Memory @  1GB: CPU(s): 0 (x",
            "Memory @  1-2GB: CPU(s): 0",
            "Memory @99999999999GB: CPU(s): 0",
        ] {
            assert!(line(text).is_err(), "{text}");
        }
    }
}
