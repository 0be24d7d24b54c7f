// SPDX-License-Identifier: GPL-2.0

//! What `gain` shows.

use super::style::count;
use crate::cmd::gain::{Class, Report, Spread};
use std::fmt::Write;

/// All of it, and the sentences that say what it means.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let rounds = count(report.rounds, "round", "rounds");
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "CPU {}, pages of {} KiB, {rounds}: nanoseconds of a write, median (least to most)",
        report.cpu,
        report.page_bytes / 1024
    );
    for (name, class) in [
        ("optimised", &report.optimised),
        ("not optimised", &report.other),
    ] {
        let _ = writeln!(
            out,
            "{name:14} {} in GiB {}: streaming {}, random {}",
            count(class.pages, "page", "pages"),
            class.gibs,
            spread(class.streaming),
            spread(class.random)
        );
    }
    out.push_str(&verdict(report));
    out
}

/// Picoseconds as nanoseconds.
fn ns(ps: u64) -> String {
    format!("{}.{:02}", ps / 1000, ps % 1000 / 10)
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or("not measured".to_owned(), |spread| {
        let Spread {
            median_ps,
            least_ps,
            most_ps,
        } = spread;
        format!("{} ({} to {})", ns(median_ps), ns(least_ps), ns(most_ps))
    })
}

/// What was measured, and what was not.
fn verdict(report: &Report) -> String {
    let mut out = String::new();
    if report.emulated {
        out.push_str(
            "This processor is emulated or virtual: the times say nothing about RMPOPT. What is shown is\n\
             that memory of both kinds is found and written.\n",
        );
    } else if let Some((a, b)) = both(&report.optimised, &report.other) {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{}", sentence("streaming", a.0, b.0));
        let _ = writeln!(out, "{}", sentence("random", a.1, b.1));
    }
    if both(&report.optimised, &report.other).is_none() {
        let (all, way) = match report.other.pages {
            0 => (
                "optimised",
                "start a guest, which keeps memory from being optimised, or take a larger --size",
            ),
            _ => (
                "not optimised",
                "\"rmpoptctl optimise --wait\", or take a larger --size",
            ),
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "Nothing is compared: all memory that the kernel gave is {all} on this CPU. What helps: {way}."
        );
    }
    if report.moved != 0 {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{} moved or changed meanwhile: measure again.",
            count(report.moved, "page", "pages")
        );
    }
    out.push_str(
        "Measured are writes of one CPU to its own memory. Not measured are guests, devices, other CPUs\n\
         and reads; the two kinds lie in different GiBs, perhaps on different nodes.\n",
    );
    out
}

type Both = (Spread, Spread);

fn both(optimised: &Class, other: &Class) -> Option<(Both, Both)> {
    let a = optimised.streaming.zip(optimised.random)?;
    let b = other.streaming.zip(other.random)?;
    Some((a, b))
}

/// Medians differ only where the spreads do not meet.
fn sentence(what: &str, optimised: Spread, other: Spread) -> String {
    let apart = optimised.most_ps < other.least_ps || other.most_ps < optimised.least_ps;
    if !apart {
        return format!("With {what} writes no difference is seen: the spreads overlap.");
    }
    let (a, b) = (optimised.median_ps, other.median_ps);
    let word = if a < b { "less" } else { "more" };
    let share = super::style::percent(a.abs_diff(b), b.max(a.abs_diff(b)));
    format!("With {what} writes a write takes {share} {word} where memory is optimised.")
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::{
        cmd::gain::{Class, Report, Spread},
        collect::list::List,
    };

    fn class(gib: u32, pages: u64, ps: [u64; 3]) -> Class {
        let [least_ps, median_ps, most_ps] = ps;
        let spread = Some(Spread {
            median_ps,
            least_ps,
            most_ps,
        });
        let none = pages == 0;
        Class {
            gibs: List::of((!none).then_some(gib)),
            pages,
            streaming: spread.filter(|_| !none),
            random: spread.filter(|_| !none),
        }
    }

    fn report(optimised: Class, other: Class) -> Report {
        Report {
            emulated: false,
            cpu: 3,
            page_bytes: 4096,
            rounds: 9,
            optimised,
            other,
            moved: 0,
        }
    }

    #[test]
    fn differences_are_said_where_spreads_are_apart() {
        let apart = text(&report(
            class(4, 9, [7000, 8000, 9000]),
            class(5, 9, [9500, 10_000, 11_000]),
        ));
        assert!(
            apart.contains(
                "optimised      9 pages in GiB 4: streaming 8.00 (7.00 to 9.00), random 8.00"
            ),
            "{apart}"
        );
        assert!(
            apart.contains(
                "With random writes a write takes 20.0 % less where memory is optimised."
            ),
            "{apart}"
        );
        let slower = text(&report(class(4, 9, [12_000; 3]), class(5, 9, [10_000; 3])));
        assert!(slower.contains("takes 20.0 % more where"), "{slower}");
        let meet = text(&report(
            class(4, 9, [7000, 8000, 9600]),
            class(5, 9, [9500, 10_000, 11_000]),
        ));
        assert!(
            meet.contains("With streaming writes no difference is seen"),
            "{meet}"
        );
        assert!(!meet.contains("takes"), "{meet}");
    }

    #[test]
    fn what_says_nothing_is_not_compared() {
        let mut all = report(class(4, 9, [7000; 3]), class(5, 0, [0; 3]));
        let one = text(&all);
        assert!(
            one.contains("all memory that the kernel gave is optimised"),
            "{one}"
        );
        assert!(
            one.contains("not optimised  0 pages in GiB none: streaming not measured"),
            "{one}"
        );
        all = report(class(4, 9, [7000; 3]), class(5, 9, [9000; 3]));
        all.emulated = true;
        all.moved = 2;
        let emulated = text(&all);
        assert!(
            emulated.contains("the times say nothing about RMPOPT"),
            "{emulated}"
        );
        assert!(!emulated.contains("takes"), "{emulated}");
        assert!(
            emulated.contains("2 pages moved or changed meanwhile"),
            "{emulated}"
        );
    }
}
