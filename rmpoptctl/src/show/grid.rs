// SPDX-License-Identifier: GPL-2.0

//! What the pictures in a terminal have in common: a scale above rows of coloured cells.

use super::style::{Style, Tone};
use std::iter::repeat_n;

/// Columns of a row's name.
pub const LABEL: usize = 13;

/// A line with `marks`, which are texts with the character at which each begins, in rising order. It is `width`
/// characters wide behind its `name`. A mark that comes less than `ticks` behind the one before is left out.
pub fn scale(
    out: &mut String,
    name: &str,
    width: usize,
    ticks: usize,
    marks: impl Iterator<Item = (usize, String)>,
) {
    let mut line = format!("{name:LABEL$} ");
    let (mut written, mut next) = (0, 0);
    for (at, text) in marks {
        if at < next {
            continue;
        }
        if at > 0 && at + text.len() > width {
            break;
        }
        line.extend(repeat_n(' ', at - written));
        line.push_str(&text);
        written = at + text.len();
        next = at + ticks.max(text.len() + 2);
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Cells of `zoom` characters each. Neighbours that are drawn the same share their colour's escape sequence.
pub fn runs(
    out: &mut String,
    glyphs: impl Iterator<Item = (char, Tone)>,
    style: Style,
    zoom: usize,
) {
    let mut run = String::new();
    let mut before: Option<(char, Tone)> = None;
    for glyph in glyphs {
        if let Some((_, tone)) = before.filter(|before| *before != glyph) {
            out.push_str(&style.paint(tone, &run));
            run.clear();
        }
        run.extend(repeat_n(glyph.0, zoom));
        before = Some(glyph);
    }
    if let Some((_, tone)) = before {
        out.push_str(&style.paint(tone, &run));
    }
}
