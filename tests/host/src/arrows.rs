// SPDX-License-Identifier: GPL-2.0

//! The rooms of the engine use each other in the directions of one table, and nothing but the facade's own file
//! names the facade.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    },
};

/// Which rooms a room may use, beside itself and the leaves.
const ROOMS: [(&str, &[&str]); 6] = [
    ("host", &[]),
    ("census", &[]),
    ("pass", &["host"]),
    ("dirty", &["pass", "host"]),
    ("control", &["dirty", "pass", "host", "census"]),
    ("view", &["control", "dirty", "pass", "host", "census"]),
];

/// The leaves: files that every room may use, each with the rooms whose plain values it stores.
const LEAVES: [(&str, &[&str]); 4] = [
    ("settings", &["host", "dirty"]),
    ("stats", &[]),
    ("bitmap", &[]),
    ("atomic_bits", &[]),
];

/// Splits a use tree at the commas that are not inside of braces.
fn split(tree: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => (),
        }
    }
    parts.push(&tree[start..]);
    parts
}

/// All paths of a use tree.
fn flatten(tree: &str, prefix: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    match tree.split_once('{') {
        Some((head, rest)) => {
            let inner = rest.rsplit_once('}').expect("braces come in pairs").0;
            for part in split(inner) {
                flatten(part, &format!("{prefix}{}", head.trim()), paths);
            }
        }
        None if tree.is_empty() => (),
        None => paths.push(format!("{prefix}{tree}")),
    }
}

/// The paths that a file uses: its `use` items, and `crate::` paths elsewhere in its code.
fn used(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect();
    let code = code.join(" ");
    let mut paths = Vec::new();
    for item in code.split("use ").skip(1) {
        let tree = item.split(';').next().unwrap_or("");
        flatten(tree, "", &mut paths);
    }
    for inline in code.split("crate::engine::").skip(1) {
        let path = inline.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let path = path.into_iter().next().unwrap_or("");
        if !path.is_empty() {
            paths.push(format!("crate::engine::{path}"));
        }
    }
    paths
}

/// What a path of a file names inside of the engine: the first component behind `engine`. `room` is the
/// module of the engine in which the file lies, `depth` how many modules below it.
fn named(path: &str, room: &str, depth: usize) -> Option<String> {
    let mut above = 0;
    let mut rest = path;
    while let Some(behind) = rest.strip_prefix("super::") {
        above += 1;
        rest = behind;
    }
    let inside = match above {
        0 => rest.strip_prefix("crate::engine::")?,
        // The module itself, or one beside it in its room.
        _ if above <= depth => return Some(room.to_owned()),
        _ if above == depth + 1 => rest,
        _ => return None,
    };
    inside.split("::").next().map(str::to_owned)
}

/// What in a file goes in a direction that no table lists.
fn offences(text: &str, room: &str, depth: usize, allowed: &[&str]) -> Vec<String> {
    let leaf = |name: &str| LEAVES.iter().any(|(leaf, _)| *leaf == name);
    used(text)
        .iter()
        .filter_map(|path| Some((path, named(path, room, depth)?)))
        .filter(|(_, name)| !(name == room || leaf(name) || allowed.contains(&name.as_str())))
        .map(|(path, _)| path.clone())
        .collect()
}

fn engine() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine")
}

#[test]
fn rooms_use_each_other_as_the_table_says() {
    for (room, allowed) in ROOMS {
        let mut files = 0;
        for entry in fs::read_dir(engine().join(room)).unwrap() {
            let path = entry.unwrap().path();
            let depth = usize::from(path.file_name().unwrap() != "mod.rs");
            let text = fs::read_to_string(&path).unwrap();
            let bad = offences(&text, room, depth, allowed);
            assert!(bad.is_empty(), "{}: {bad:?}", path.display());
            files += 1;
        }
        assert!(files >= 2, "{room} has {files} files");
    }
    for (leaf, allowed) in LEAVES {
        let path = engine().join(format!("{leaf}.rs"));
        let text = fs::read_to_string(&path).unwrap();
        let bad = offences(&text, leaf, 0, allowed);
        assert!(bad.is_empty(), "{}: {bad:?}", path.display());
    }
}

#[test]
fn every_room_and_leaf_is_in_a_table() {
    for entry in fs::read_dir(engine()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let known = if path.is_dir() {
            ROOMS.iter().any(|(room, _)| *room == name)
        } else {
            name == "mod" || LEAVES.iter().any(|(leaf, _)| *leaf == name)
        };
        assert!(known, "{} is in no table", path.display());
    }
}

#[test]
fn the_test_sees_a_wrong_direction() {
    let bad = |text, room, depth, allowed| !offences(text, room, depth, allowed).is_empty();
    assert!(bad(
        "use crate::engine::view::ranges::Ranges;",
        "host",
        1,
        &[]
    ));
    assert!(bad(
        "use super::super::control::Control;",
        "pass",
        1,
        &["host"]
    ));
    assert!(bad("use super::control::Control;", "pass", 0, &["host"]));
    assert!(bad(
        "use crate::engine::{\n    stats::Reason,\n    Engine, //\n};",
        "control",
        1,
        &[]
    ));
    assert!(bad("fn f(e: &crate::engine::Engine) {}", "control", 1, &[]));
    assert!(bad(
        "use crate::{\n    engine::pass::plan, //\n    sys::cpu,\n};",
        "host",
        1,
        &[]
    ));
    assert!(!bad("use super::plan::PlanCore;", "pass", 1, &[]));
    assert!(!bad("use crate::engine::bitmap::Bits;", "host", 1, &[]));
    assert!(!bad("use crate::sys::cpu;", "host", 1, &[]));
    assert!(!bad("// use crate::engine::Engine;", "host", 1, &[]));
}
