// SPDX-License-Identifier: GPL-2.0

//! The files that this crate includes never name the kernel.

use std::{
    fs,
    path::Path, //
};

/// The pure files that a list of modules includes: each by a path of its own, or as a module in a room's folder.
fn included(modules: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folder = None;
    for line in modules.lines() {
        if let Some(path) = line.strip_prefix("#[path = \"../../../") {
            let path = path.trim_end_matches("\"]");
            if path.ends_with(".rs") {
                files.push(path.to_owned());
            } else {
                folder = Some(path);
            }
        } else if let Some(module) = line.strip_prefix("    pub(crate) mod ") {
            let folder = folder.expect("a module in a room without a folder");
            files.push(format!("{folder}/{}.rs", module.trim_end_matches(';')));
        }
    }
    files
}

/// The pure files, as this crate includes them.
fn pure_files() -> impl Iterator<Item = String> {
    [
        include_str!("sys.rs"),
        include_str!("sev.rs"),
        include_str!("engine.rs"),
    ]
    .into_iter()
    .flat_map(included)
}

fn offence(text: &str) -> Option<&str> {
    text.lines().find(|line| {
        let mut code = line.split("//").next().unwrap_or("").to_owned();
        for file in included(include_str!("sys.rs")) {
            let module = file.trim_end_matches(".rs").replace('/', "::");
            code = code.replace(&format!("crate::{module}::"), "");
        }
        code.contains("kernel::") || code.contains("crate::sys") || code.contains("unsafe")
    })
}

#[test]
fn pure_files_do_not_name_the_kernel() {
    assert!(pure_files().count() >= 10);
    for file in pure_files() {
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
    assert!(offence("use crate::sys::{").is_some());
    assert!(offence("use crate::sys::codec_of_another_kind;").is_some());
    assert!(offence("use crate::sys::codec::coded;").is_none());
    assert!(offence("// the kernel:: crate is not used").is_none());
}
