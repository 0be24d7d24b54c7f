// SPDX-License-Identifier: GPL-2.0

//! Spans and moments of time as text.

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// A span with the unit that suits it, with what is left in the next one: `250 ms`, `2.5 s`, `3 min 20 s`, `1 d 4 h`.
pub fn span(ms: u64) -> String {
    let two = |a: u64, unit: &str, b: u64, less: &str| match b {
        0 => format!("{a} {unit}"),
        b => format!("{a} {unit} {b} {less}"),
    };
    match ms {
        0 => "0 s".to_owned(),
        1..1000 => format!("{ms} ms"),
        1000..60_000 if ms % 1000 == 0 => format!("{} s", ms / 1000),
        1000..60_000 => {
            let decimals = format!("{:03}", ms % 1000);
            format!("{}.{} s", ms / 1000, decimals.trim_end_matches('0'))
        }
        60_000..3_600_000 => two(ms / 60_000, "min", ms / 1000 % 60, "s"),
        3_600_000..DAY => two(ms / 3_600_000, "h", ms / 60_000 % 60, "min"),
        _ => two(ms / DAY, "d", ms / 3_600_000 % 24, "h"),
    }
}

/// A moment, from milliseconds since 1970: `2026-11-25 02:24:40 UTC`.
pub fn utc(ms: u64) -> String {
    // Beyond the year 9999 it is no moment that a host has seen.
    let ms = ms.min(253_402_300_799_999);
    let (mut days, seconds) = (ms / DAY, ms / 1000 % 86_400);
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year}-{month:02}-{:02} {:02}:{:02}:{:02} UTC",
        days + 1,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{span, utc};

    #[test]
    fn spans_have_their_unit() {
        for (ms, text) in [
            (0, "0 s"),
            (999, "999 ms"),
            (2500, "2.5 s"),
            (12_000, "12 s"),
            (60_000, "1 min"),
            (200_999, "3 min 20 s"),
            (3_600_000, "1 h"),
            (100_800_000, "1 d 4 h"),
        ] {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_827_696_000), "2000-02-29 12:34:56 UTC");
        assert_eq!(utc(1_798_761_599_999), "2026-12-31 23:59:59 UTC");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01 00:00:00 UTC");
        assert_eq!(utc(u64::MAX), "9999-12-31 23:59:59 UTC");
    }
}
