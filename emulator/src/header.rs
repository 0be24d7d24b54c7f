// SPDX-License-Identifier: GPL-2.0

//! Reads definitions that C and Rust share from the text of the C files, at compile time. Where a definition is
//! missing, the crate does not compile.

/// The header of the test port, for programs and modules of the guest.
pub const EMU_H: &str = include_str!("../guest/emu.h");
/// The program that starts QEMU with the firmware processor's device.
pub const WITH_PSP: &str = include_str!("../host/with-psp.c");

/// The number of `#define NAME NUMBER`: decimal, or hexadecimal with 0x. Text after the digits is ignored.
#[expect(clippy::as_conversions, reason = "From is not const")]
pub const fn number(text: &str, name: &str) -> u64 {
    let text = text.as_bytes();
    let mut at = value(text, name.as_bytes());
    let mut radix = 10;
    if starts_with(text, at, b"0x") {
        radix = 16;
        at += 2;
    }
    let first = at;
    let mut number = 0;
    while let Some(digit) = (text[at] as char).to_digit(radix) {
        number = number * radix as u64 + digit as u64;
        at += 1;
    }
    assert!(at > first, "not a number");
    number
}

/// The text of `#define NAME "TEXT"`, followed by zeros.
pub const fn bytes<const N: usize>(text: &str, name: &str) -> [u8; N] {
    let text = text.as_bytes();
    let first = value(text, name.as_bytes());
    assert!(text[first] == b'"', "not a text");
    let mut bytes = [0; N];
    let mut i = 0;
    while text[first + 1 + i] != b'"' {
        bytes[i] = text[first + 1 + i];
        i += 1;
    }
    bytes
}

/// The place in `text` at which the value of `name` begins.
const fn value(text: &[u8], name: &[u8]) -> usize {
    const DEFINE: &[u8] = b"#define ";
    let mut line = 0;
    while line < text.len() {
        let mut at = line + DEFINE.len() + name.len();
        if starts_with(text, line, DEFINE)
            && starts_with(text, line + DEFINE.len(), name)
            && text[at].is_ascii_whitespace()
        {
            while text[at].is_ascii_whitespace() {
                at += 1;
            }
            return at;
        }
        line += 1;
    }
    panic!("nobody defines that name")
}

const fn starts_with(text: &[u8], at: usize, part: &[u8]) -> bool {
    let mut i = 0;
    while i < part.len() {
        if at + i >= text.len() || text[at + i] != part[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#define ONE\t1\n#define ONES 0x1Fu /* 9 */\n#define WORD\t\"word\"\n";

    #[test]
    fn numbers_and_texts_are_found_by_their_whole_name() {
        assert_eq!(number(TEXT, "ONE"), 1);
        assert_eq!(number(TEXT, "ONES"), 0x1f);
        assert_eq!(bytes(TEXT, "WORD"), *b"word\0\0");
    }

    #[test]
    #[should_panic(expected = "nobody defines that name")]
    fn a_name_that_nobody_defines() {
        number(TEXT, "ON");
    }

    #[test]
    #[should_panic(expected = "not a number")]
    fn a_text_is_no_number() {
        number(TEXT, "WORD");
    }
}
