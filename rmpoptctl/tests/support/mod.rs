// SPDX-License-Identifier: GPL-2.0

//! Runs the program on saved states, and compares with golden files.
#![allow(dead_code, reason = "each test uses a part")]

mod golden_file;

pub use golden_file::same;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// What a run of the program left.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The folder of the tests.
pub fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Programs that this test starts get these signals, even if the test itself was started under `nohup` or in the
/// background of a script, with the signals ignored: a signal that has a handler is not ignored after `exec`.
pub fn let_through(signals: &[i32]) {
    for signal in signals {
        signal_hook::flag::register(*signal, Arc::default()).expect("a handler");
    }
}

/// A saved state's folder.
pub fn state(name: &str) -> PathBuf {
    tests().join("states").join(name)
}

/// Runs the program on a saved copy.
pub fn run(root: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_rmpoptctl"))
        .arg("--root")
        .arg(root)
        .args(arguments)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("the output is text");
        text.replace(&format!("{}/", root.display()), "/")
    };
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    // Whatever the files are.
    assert!(!run.err.contains("panicked"), "{arguments:?}: {}", run.err);
    assert_ne!(run.code, -1, "{arguments:?}: ended by a signal");
    run
}

/// Compares what the program does on a state with the golden file.
pub fn golden(name: &str, root: &Path, arguments: &[&str]) {
    let run = run(root, arguments);
    let mut text = format!("$ rmpoptctl {}\n{}", arguments.join(" "), run.out);
    if !run.err.is_empty() {
        text.push_str(&format!("-- stderr\n{}", run.err));
    }
    text.push_str(&format!("-- exit {}\n", run.code));
    same(name, &text);
}

/// Compares the picture that `draw` writes into the file with the golden file. It loads nothing from elsewhere.
pub fn picture(folder: &Path, name: &str, draw: impl FnOnce(&str) -> Run) {
    let file = folder.join(name);
    let run = draw(&file.display().to_string());
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
    let text = fs::read_to_string(&file).expect("the picture");
    same(name, &text);
    let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("//"), "{name} names another place");
}

/// A folder of a test's own, emptied.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// Copies a state, to change it.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the state is there") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&to).expect("a folder");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a file");
        }
    }
}

/// Writes a file of a state, with its folders.
pub fn put(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("a folder");
    }
    fs::write(path, text).expect("a file");
}
