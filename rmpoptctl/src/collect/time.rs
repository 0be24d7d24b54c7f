// SPDX-License-Identifier: GPL-2.0

//! Spans of time as administrators write them: `500ms`, `2s`, `1.5m`, `3h`, `1d`.

use anyhow::{anyhow, Context, Result};
use std::time::Duration;

/// The units, in milliseconds. The longer name first where one ends with another.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("min", 60_000),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// For clap. A number without a unit is seconds; at most three decimals count.
///
/// # Errors
///
/// Not such a span, or longer than a hundred years.
pub fn parse(text: &str) -> Result<Duration> {
    let form = || anyhow!("not a time with one of ms, s, m, h, d, as in 500ms or 1.5h");
    let unit = UNITS.iter().find_map(|(unit, ms)| {
        let digits = text.strip_suffix(unit)?;
        Some((digits, *ms))
    });
    let (digits, unit) = unit.unwrap_or((text, 1000));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
        plain.then(|| digits.parse::<u64>().ok()).flatten()
    };
    let whole = number(whole).ok_or_else(form)?;
    number(part).ok_or_else(form)?;
    let thousandths = number(
        &part
            .chars()
            .chain("000".chars())
            .take(3)
            .collect::<String>(),
    );
    let thousandths = thousandths.ok_or_else(form)?;
    let ms = whole
        .checked_mul(unit)
        .and_then(|ms| ms.checked_add(thousandths * unit / 1000));
    let ms = ms.filter(|ms| *ms <= 36_525 * 86_400_000);
    ms.map(Duration::from_millis)
        .context("longer than a hundred years")
}

/// For clap: from a tenth of a second to a day.
///
/// # Errors
///
/// As [`parse`]; or out of that range.
pub fn interval(text: &str) -> Result<Duration> {
    let time = parse(text)?;
    let range = Duration::from_millis(100)..=Duration::from_secs(86_400);
    match range.contains(&time) {
        true => Ok(time),
        false => Err(anyhow!("not from 100ms to 1d")),
    }
}

/// Milliseconds, at the most those of 64 bits.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{interval, ms, parse};

    #[test]
    fn reads_spans() {
        let read = |text| parse(text).map(ms).ok();
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("2s"), Some(2000));
        assert_eq!(read("2"), Some(2000));
        assert_eq!(read("1.5m"), Some(90_000));
        assert_eq!(read("2min"), Some(120_000));
        assert_eq!(read("0.0625h"), Some(223_200));
        assert_eq!(read("1d"), Some(86_400_000));
    }

    #[test]
    fn refuses_all_else() {
        for text in [
            "",
            "s",
            "-1s",
            "1x",
            "1.s",
            ".5s",
            "1.2.3s",
            "+1s",
            "1 s",
            "40000d",
            "99999999999999999999s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["99ms", "0", "25h"] {
            assert!(interval(text).is_err(), "{text}");
        }
        assert!(interval("100ms").is_ok() && interval("24h").is_ok());
    }
}
