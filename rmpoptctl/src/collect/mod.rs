// SPDX-License-Identifier: GPL-2.0

//! Reads files: the module's in debugfs and configfs, the kernel's in /proc and /sys.
//!
//! Every file may be hostile: a saved copy comes from anywhere. Each reader ends with a value or with an error
//! that names the file and the line. No screens, no colours, no sentences for people in here.

pub mod core;
pub mod extent;
pub mod facts;
pub mod host;
pub mod lines;
pub mod list;
pub mod machines;
pub mod memory;
pub mod module;
pub mod placed;
pub mod processor;
pub mod record;
pub mod rmp;
pub mod settings;
pub mod stats;
pub mod table;
pub mod time;

use crate::exit::{Code, Failure};
use anyhow::{anyhow, Context, Result};
use std::{
    fs, io,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The module's status files.
pub const DEBUG: &str = "sys/kernel/debug/rmpopt";
/// The module's controls.
pub const CONFIG: &str = "sys/kernel/config/rmpopt";

/// No file that is read here is longer than this many bytes.
const LONGEST: u64 = 64 << 20;
/// O_NONBLOCK: a pipe in a saved copy must not keep us waiting.
const NONBLOCK: i32 = 0o4000;

/// Where the files are: this machine, or a saved copy.
#[derive(Clone, Debug)]
pub struct Root {
    base: PathBuf,
    saved: bool,
}

impl Root {
    /// This machine's files, or those below a folder.
    ///
    /// # Errors
    ///
    /// The folder is not there.
    pub fn new(saved: Option<&Path>) -> Result<Self> {
        let Some(base) = saved else {
            let base = PathBuf::from("/");
            return Ok(Self { base, saved: false });
        };
        if !base.is_dir() {
            return Err(anyhow!(
                "--root {}: there is no such folder",
                base.display()
            ));
        }
        let base = base.to_path_buf();
        Ok(Self { base, saved: true })
    }

    /// Whether it is a saved copy.
    pub fn saved(&self) -> bool {
        self.saved
    }

    /// The path of a file as the machine has it, without a leading `/`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.base.join(file)
    }

    /// A file's text; `None` where there is no such file.
    ///
    /// Bytes that would steer a terminal are replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no regular file or is too long.
    pub fn optional(&self, file: &str) -> Result<Option<String>> {
        let path = self.path(file);
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(NONBLOCK)
            .open(&path);
        let opened = match opened {
            Ok(opened) => opened,
            Err(e) if missing(&e) => return Ok(None),
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        let name = || path.display().to_string();
        let kind = opened.metadata().with_context(name)?.file_type();
        if !kind.is_file() {
            return Err(anyhow!("{}: not a regular file", path.display()));
        }
        let mut bytes = Vec::new();
        let mut limited = opened.take(LONGEST + 1);
        limited.read_to_end(&mut bytes).with_context(name)?;
        if u64::try_from(bytes.len()).map_or(true, |n| n > LONGEST) {
            return Err(anyhow!("{}: longer than 64 MiB", path.display()));
        }
        Ok(Some(clean(&bytes)))
    }

    /// A file's text.
    ///
    /// # Errors
    ///
    /// As [`Root::optional`], and where there is no such file.
    pub fn text(&self, file: &str) -> Result<String> {
        let path = self.path(file);
        self.optional(file)?
            .ok_or_else(|| anyhow!("{}: there is no such file", path.display()))
    }

    /// A file's text without white space around it; `None` where it is missing or cannot be read.
    pub fn word(&self, file: &str) -> Option<String> {
        let text = self.optional(file).ok().flatten()?;
        Some(text.trim().to_owned())
    }

    /// The names in a folder, sorted; none where it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn names(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.path(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if missing(&e) => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| path.display().to_string())?;
            names.push(clean(entry.file_name().as_encoded_bytes()));
        }
        names.sort();
        Ok(names)
    }

    /// Writes a value to a control of this machine.
    ///
    /// # Errors
    ///
    /// A saved copy is not written to. The kernel refuses the value: [`Code::Refused`] with its errno's meaning.
    pub fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.path(file);
        if self.saved {
            let text = "a saved copy (--root) is not written to";
            return Err(Failure::error(Code::Refused, text));
        }
        let opened = fs::OpenOptions::new().write(true).open(&path);
        let mut opened = opened.with_context(|| path.display().to_string())?;
        opened.write_all(value.as_bytes()).map_err(|e| {
            let text = format!("{}: the kernel refuses \"{value}\": {e}", path.display());
            Failure::error(Code::Refused, text)
        })
    }

    /// Ends early with a reason where the module's files are not there.
    ///
    /// # Errors
    ///
    /// [`Code::NotLoaded`] or [`Code::Permission`].
    pub fn require_module(&self) -> Result<()> {
        self.require(DEBUG, "debugfs", "sys/kernel/debug")
    }

    /// The same for the controls.
    ///
    /// # Errors
    ///
    /// [`Code::NotLoaded`] or [`Code::Permission`].
    pub fn require_controls(&self) -> Result<()> {
        self.require(CONFIG, "configfs", "sys/kernel/config")
    }

    fn require(&self, folder: &str, filesystem: &str, mount: &str) -> Result<()> {
        let path = self.path(folder);
        match fs::metadata(&path) {
            Ok(_) => return Ok(()),
            Err(e) if missing(&e) => (),
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        }
        let text = if self.path("sys/module/rmpopt").exists() {
            format!("the module is loaded, but {filesystem} is not mounted: mount -t {filesystem} none /{mount}")
        } else {
            "the module rmpopt is not loaded: modprobe rmpopt (\"rmpoptctl doctor\" says what it needs)"
                .to_owned()
        };
        Err(Failure::error(Code::NotLoaded, text))
    }
}

/// Whether an error says that a file is not there.
fn missing(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Text that cannot steer a terminal.
pub fn clean(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}
