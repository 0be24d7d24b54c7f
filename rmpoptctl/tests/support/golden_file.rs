// SPDX-License-Identifier: GPL-2.0

//! Compares with golden files, in unit tests and in those of the program.
//!
//! `RMPOPTCTL_BLESS=1 cargo test` writes the golden files anew: look at the difference before it is committed.

use std::{fs, path::Path};

/// Compares a text with the golden file.
pub fn same(name: &str, text: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let file = tests.join("golden").join(name);
    if std::env::var_os("RMPOPTCTL_BLESS").is_some() {
        fs::write(&file, text).expect("the golden file is written");
        return;
    }
    let wanted = fs::read_to_string(&file).unwrap_or_default();
    if wanted == text {
        return;
    }
    let mut lines = wanted.lines().zip(text.lines()).enumerate();
    let first = lines.find(|(_, (a, b))| a != b).map_or_else(
        || "one is longer".to_owned(),
        |(i, (a, b))| format!("line {}:\n  golden {a}\n  now    {b}", i + 1),
    );
    panic!("{} differs, {first}\nnow:\n{text}", file.display());
}
