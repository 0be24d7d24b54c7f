// SPDX-License-Identifier: GPL-2.0

//! Parses ranges of physical memory as administrators write them: `4G-8G`, `0x100000000+512M`.

use crate::sev::addr::{
    PhysAddr,
    Region, //
};

/// The reason why a text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The text does not have the form of a range, or the range is empty.
    Malformed,
    /// The range reaches beyond the physical address space of the architecture.
    TooFar,
}

/// The first and the last region that a range touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The region of the first byte.
    pub(crate) first: Region,
    /// The region of the last byte.
    pub(crate) last: Region,
}

impl Extent {
    /// Parses `START-END` (END is exclusive) or `START+SIZE`. Each number is in bytes, decimal or hexadecimal with
    /// `0x`, and may end with one of the suffixes K, M, G, T.
    ///
    /// # Errors
    ///
    /// The reason why `text` is no range.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Flaw> {
        let at = text.iter().position(|c| matches!(c, b'-' | b'+'));
        let (start, rest) = text
            .split_at_checked(at.ok_or(Flaw::Malformed)?)
            .ok_or(Flaw::Malformed)?;
        let (sign, rest) = rest.split_first().ok_or(Flaw::Malformed)?;
        let start = number(start)?;
        let end = match sign {
            b'-' => number(rest)?,
            _ => start.checked_add(number(rest)?).ok_or(Flaw::TooFar)?,
        };
        let last = end.checked_sub(1).filter(|last| *last >= start);
        let last = last.ok_or(Flaw::Malformed)?;
        let region = |addr| {
            PhysAddr::new(addr)
                .map(Region::containing)
                .ok_or(Flaw::TooFar)
        };
        Ok(Self {
            first: region(start)?,
            last: region(last)?,
        })
    }

    /// Whether the range touches a region.
    pub(crate) fn touches(&self, region: Region) -> bool {
        (self.first..=self.last).contains(&region)
    }
}

/// Parses a number of bytes.
fn number(text: &[u8]) -> Result<u64, Flaw> {
    let (digits, shift) = match text.split_last() {
        Some((b'k' | b'K', digits)) => (digits, 10),
        Some((b'm' | b'M', digits)) => (digits, 20),
        Some((b'g' | b'G', digits)) => (digits, 30),
        Some((b't' | b'T', digits)) => (digits, 40),
        _ => (text, 0),
    };
    let (digits, radix) = match digits {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        _ => (digits, 10),
    };
    if digits.is_empty() {
        return Err(Flaw::Malformed);
    }
    let mut value = 0u64;
    let mut far = false;
    for c in digits {
        let digit = char::from(*c).to_digit(radix).ok_or(Flaw::Malformed)?;
        let next = value.checked_mul(u64::from(radix));
        match next.and_then(|next| next.checked_add(u64::from(digit))) {
            Some(next) => value = next,
            None => far = true,
        }
    }
    match value.checked_mul(1 << shift) {
        Some(bytes) if !far => Ok(bytes),
        _ => Err(Flaw::TooFar),
    }
}
