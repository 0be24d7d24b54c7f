// SPDX-License-Identifier: GPL-2.0

//! Files of lines `key: value`, and numbers in them.

use super::list::shorten;
use anyhow::{anyhow, Context, Result};

/// The lines of a file.
pub struct Lines<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Lines<'a> {
    /// The lines of a text; the name is for errors.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// All lines as key and value. Lines of another form are left out.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key.trim(), value.trim()))
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.pairs().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The value of a key that has to be there.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn need(&self, key: &str) -> Result<&'a str> {
        self.get(key)
            .ok_or_else(|| anyhow!("{}: no line \"{key}: ...\"", self.name))
    }

    /// The number of a key that has to be there.
    ///
    /// # Errors
    ///
    /// It is not, or it is no number.
    pub fn number(&self, key: &str) -> Result<u64> {
        number(self.need(key)?).with_context(|| format!("{}: {key}", self.name))
    }

    /// The number of a key that may be missing, 0 then.
    ///
    /// # Errors
    ///
    /// It is no number.
    pub fn number_or_0(&self, key: &str) -> Result<u64> {
        match self.get(key) {
            Some(_) => self.number(key),
            None => Ok(0),
        }
    }
}

/// A decimal number, or a hexadecimal one with `0x`.
///
/// # Errors
///
/// Not a number of 64 bits.
pub fn number(text: &str) -> Result<u64> {
    let text = text.trim();
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = !digits.starts_with('+');
    let value = plain.then(|| u64::from_str_radix(digits, radix).ok());
    value
        .flatten()
        .ok_or_else(|| anyhow!("\"{}\" is not a number", shorten(text)))
}

/// Two numbers around a word: `3 of 8`, `0-7`.
///
/// # Errors
///
/// Not of that form.
pub fn two(text: &str, between: &str) -> Result<(u64, u64)> {
    let (a, b) = text
        .split_once(between)
        .ok_or_else(|| anyhow!("\"{}\" is not two numbers", shorten(text)))?;
    Ok((number(a)?, number(b)?))
}
