// SPDX-License-Identifier: GPL-2.0

//! Ranges of physical memory as administrators write them: `4G-8G`, `0x100000000+512M`.
//!
//! The same form as configfs `optimise` takes, so that what is accepted here is not refused there.

use anyhow::{anyhow, Result};

/// The first and the last GiB that a range touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The GiB of the first byte.
    pub first: u32,
    /// The GiB of the last byte.
    pub last: u32,
}

/// Bits of a physical address.
const BITS: u32 = 52;

impl Extent {
    /// Whether a GiB is touched.
    pub fn touches(self, gib: u32) -> bool {
        (self.first..=self.last).contains(&gib)
    }
}

/// For clap: `START-END` or `START+SIZE`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Extent> {
    let form = || anyhow!("not START-END or START+SIZE, as in 64G-72G or 0x100000000+512M");
    let at = text.find(['-', '+']).ok_or_else(form)?;
    let (start, rest) = text.split_at_checked(at).ok_or_else(form)?;
    let (sign, rest) = rest.split_at_checked(1).ok_or_else(form)?;
    let start = bytes(start).ok_or_else(form)?;
    let rest = bytes(rest).ok_or_else(form)?;
    let end = match sign {
        "-" => Some(rest),
        _ => start.checked_add(rest),
    };
    let end = end.filter(|end| *end <= 1 << BITS);
    let end = end.ok_or_else(|| anyhow!("beyond {BITS} bits of address"))?;
    let last = end.checked_sub(1).filter(|last| *last >= start);
    let last =
        last.ok_or_else(|| anyhow!("nothing lies in it: END is the first byte behind it"))?;
    Ok(Extent {
        first: u32::try_from(start >> 30)?,
        last: u32::try_from(last >> 30)?,
    })
}

/// A number of bytes, decimal or hexadecimal, with one of K, M, G, T behind it.
pub fn bytes(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()? {
        b'k' | b'K' => 10,
        b'm' | b'M' => 20,
        b'g' | b'G' => 30,
        b't' | b'T' => 40,
        _ => 0,
    };
    let digits = if shift == 0 {
        text
    } else {
        text.split_at_checked(text.len().checked_sub(1)?)?.0
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (lower.as_str(), 10),
    };
    let plain = !digits.starts_with('+');
    let value = plain.then(|| u64::from_str_radix(digits, radix).ok())??;
    value.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::{parse, Extent};

    #[test]
    fn reads_what_configfs_takes() {
        let reads = |text: &str| parse(text).ok().map(|Extent { first, last }| (first, last));
        assert_eq!(reads("64G-72G"), Some((64, 71)));
        assert_eq!(reads("0x100000000+512M"), Some((4, 4)));
        assert_eq!(reads("0+1"), Some((0, 0)));
        assert_eq!(reads("1t-0X10000000001"), Some((1024, 1024)));
        assert_eq!(reads("0-4096T"), Some((0, (1 << 22) - 1)));
    }

    #[test]
    fn refuses_what_configfs_refuses() {
        for text in [
            "",
            "1G",
            "-1G",
            "1G-",
            "2G-1G",
            "1G-1G",
            "1G+0",
            "1X-2X",
            "1G-2G-3G",
            "++1",
            "0-4097T",
            "1G-99999999999999999999",
            "0x-1",
            "1G–2G",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
