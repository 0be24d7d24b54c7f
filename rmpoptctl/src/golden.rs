// SPDX-License-Identifier: GPL-2.0

//! For unit tests: texts that are compared with the files of `tests/golden/`.

use std::path::Path;

/// Fails unless `text` is what the file has. RMPOPTCTL_BLESS in the environment has the file written.
pub fn golden(name: &str, text: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let file = tests.join("golden").join(name);
    if std::env::var_os("RMPOPTCTL_BLESS").is_some() {
        std::fs::write(&file, text).expect("the golden file is written");
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(wanted == text, "{}:\n{text}", file.display());
}
