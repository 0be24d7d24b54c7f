// SPDX-License-Identifier: GPL-2.0

//! Colours, bars and columns of text.

use std::fmt::Write;

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// There are.
    pub colour: bool,
}

/// What a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
    /// Of less weight.
    Dim,
    /// A heading.
    Bold,
}

impl Style {
    /// The text in the tone's colour.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
            Tone::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A line of a screen: a label and what it says.
    pub fn line(self, out: &mut String, label: &str, text: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{} {text}",
            self.paint(Tone::Bold, &format!("{label:11}"))
        );
    }
}

/// Eighths of a block.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar for `part` of `all`, `width` columns wide.
pub fn bar(part: u64, all: u64, width: u64) -> String {
    let eighths = ratio(part, all, width * 8);
    let full = eighths / 8;
    let mut bar = String::new();
    for _ in 0..full {
        bar.push('█');
    }
    if full < width {
        let rest = usize::try_from(eighths % 8).unwrap_or(0);
        bar.push(EIGHTHS.get(rest).copied().unwrap_or(' '));
    }
    for _ in full + 1..width {
        bar.push(' ');
    }
    bar
}

/// `part` of `all`, in so many steps; 0 of nothing.
pub fn ratio(part: u64, all: u64, steps: u64) -> u64 {
    let scaled = u128::from(part.min(all)) * u128::from(steps);
    let ratio = scaled.checked_div(u128::from(all)).unwrap_or(0);
    u64::try_from(ratio).unwrap_or(steps)
}

/// `part` of `all` in per cent, with one decimal.
pub fn percent(part: u64, all: u64) -> String {
    let tenths = ratio(part, all, 1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A number with the noun in the right form.
pub fn count(n: u64, one: &str, many: &str) -> String {
    let noun = if n == 1 { one } else { many };
    format!("{n} {noun}")
}

#[cfg(test)]
mod tests {
    use super::{bar, percent};

    #[test]
    fn bars_have_their_width() {
        for part in 0..=9 {
            assert_eq!(bar(part, 9, 10).chars().count(), 10, "{part}");
        }
        assert_eq!(bar(1, 2, 4), "██  ");
        assert_eq!(bar(0, 0, 2), "  ");
    }

    #[test]
    fn per_cent_of_nothing_is_none() {
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(percent(2, 3), "66.6 %");
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
    }
}
