// SPDX-License-Identifier: GPL-2.0

//! What `doctor` shows.

use super::style::{Style, Tone};
use crate::cmd::doctor::{Report, Verdict};
use std::fmt::Write;

/// All checks, by category, and a line that counts them.
pub fn text(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let mut category = "";
    for check in &report.checks {
        // Writing to a String does not fail.
        if check.category != category {
            category = check.category;
            let _ = writeln!(out, "{}", style.paint(Tone::Bold, category));
        }
        let (word, tone) = match check.status {
            Verdict::Pass => ("pass", Tone::Good),
            Verdict::Warn => ("WARN", Tone::Warn),
            Verdict::Fail => ("FAIL", Tone::Bad),
            Verdict::Skip => ("skip", Tone::Dim),
        };
        let _ = writeln!(
            out,
            "  {} {}: {}",
            style.paint(tone, word),
            check.name,
            check.message
        );
        if let Some(hint) = &check.fix_hint {
            let _ = writeln!(out, "       -> {hint}");
        }
    }
    let count = |verdict| {
        report
            .checks
            .iter()
            .filter(|check| check.status == verdict)
            .count()
    };
    let _ = writeln!(
        out,
        "{} passed, {} warnings, {} failed, {} skipped",
        count(Verdict::Pass),
        count(Verdict::Warn),
        count(Verdict::Fail),
        count(Verdict::Skip)
    );
    out
}
