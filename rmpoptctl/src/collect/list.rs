// SPDX-License-Identifier: GPL-2.0

//! Lists of numbers as the kernel prints them: `0-3,8,10-11`, or `none`.

use anyhow::{anyhow, Result};
use std::fmt;

/// Ascending ranges, first and last number of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(Vec<(u32, u32)>);

impl List {
    /// More than there are CPUs in any kernel, and GiBs in 52 bits of address.
    const LIMIT: u32 = 1 << 22;

    /// Reads a list. Nothing and `none` are the empty one.
    ///
    /// # Errors
    ///
    /// Not such a list, not ascending, or a number beyond 4194303.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text == "none" {
            return Ok(Self::default());
        }
        let bad = || anyhow!("\"{}\" is not a list of numbers", shorten(text));
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |digits: &str| {
                let plain = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
                let number = plain.then(|| digits.parse::<u32>().ok()).flatten();
                number.filter(|n| *n < Self::LIMIT).ok_or_else(bad)
            };
            let (first, last) = (number(first)?, number(last)?);
            let after = ranges.last().is_none_or(|(_, before)| *before < first);
            if last < first || !after {
                return Err(bad());
            }
            ranges.push((first, last));
        }
        Ok(Self(ranges))
    }

    /// The list of some ascending numbers.
    pub fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for n in numbers {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(n) => *last = n,
                _ => ranges.push((n, n)),
            }
        }
        Self(ranges)
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(a, b)| u64::from(b - a) + 1).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a number is among them.
    pub fn contains(&self, n: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < n);
        self.0.get(at).is_some_and(|(first, _)| *first <= n)
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The smallest one.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|(first, _)| *first)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (i, (first, last)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// In JSON it is the kernel's text.
impl serde::Serialize for List {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for List {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "List".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Ascending numbers as the kernel prints CPU lists, or none",
            "pattern": "^(none|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)$"
        })
    }
}

/// The beginning of a text, for messages.
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn reads_what_it_prints() {
        for text in ["none", "0", "0-3", "0-3,8,10-11"] {
            let list = List::parse(text).unwrap_or_default();
            assert_eq!(list.to_string(), text);
            assert_eq!(List::of(list.iter()), list);
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "3-1",
            "1,1",
            "2,1",
            "-1",
            "1-",
            "a",
            "+1",
            "0-4194304",
            "1,,2",
            "1 2",
        ] {
            assert!(List::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_what_is_in_it() {
        let list = List::parse("0-3,8,10-11").unwrap_or_default();
        let found: Vec<u32> = (0..20).filter(|n| list.contains(*n)).collect();
        assert_eq!(found, [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(list.count(), 7);
    }
}
