// SPDX-License-Identifier: GPL-2.0

//! The files that this crate includes never name the kernel.

use std::{
    fs,
    path::Path, //
};

/// The pure files, as this crate includes them.
fn pure_files() -> Vec<String> {
    include_str!("sev.rs")
        .lines()
        .chain(include_str!("engine.rs").lines())
        .filter_map(|line| line.trim().strip_prefix("#[path = \"../../../"))
        .map(|rest| rest.trim_end_matches("\"]").to_owned())
        .collect()
}

fn offence(text: &str) -> Option<&str> {
    text.lines().find(|line| {
        let code = line.split("//").next().unwrap_or("");
        code.contains("kernel::") || code.contains("crate::sys") || code.contains("unsafe")
    })
}

#[test]
fn pure_files_do_not_name_the_kernel() {
    let files = pure_files();
    assert!(files.len() >= 10, "only {} files found", files.len());
    for file in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(&file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(offence(&text), None, "{file}");
    }
}

#[test]
fn the_guard_sees_an_offence() {
    assert!(offence("use kernel::prelude::*;").is_some());
    assert!(offence("use crate::sys::msr;").is_some());
    assert!(offence("// the kernel:: crate is not used").is_none());
}
