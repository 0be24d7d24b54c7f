// SPDX-License-Identifier: GPL-2.0

//! How the program ends: exit codes, and errors that choose one.

use std::{fmt, io, process::ExitCode};

/// Exit codes, as documented in the manual page. 2 is a wrong command line and comes from clap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Done = 0,
    /// Something could not be read, written or understood, or the doctor found a failure.
    Failed = 1,
    /// The module is not loaded, or its files are not mounted.
    NotLoaded = 3,
    /// The files are root's.
    Permission = 4,
    /// The kernel, or a check before it, refuses the value.
    Refused = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Done => Self::SUCCESS,
            Code::Failed => Self::FAILURE,
            Code::NotLoaded => Self::from(3),
            Code::Permission => Self::from(4),
            Code::Refused => Self::from(5),
        }
    }
}

/// An error that chooses the exit code.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub code: Code,
    message: String,
}

impl Failure {
    /// An error for `anyhow`.
    pub fn error(code: Code, message: impl Into<String>) -> anyhow::Error {
        let message = message.into();
        Self { code, message }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code of an error.
pub fn code_of(error: &anyhow::Error) -> Code {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code;
        }
        if let Some(e) = cause.downcast_ref::<io::Error>() {
            if e.kind() == io::ErrorKind::PermissionDenied {
                return Code::Permission;
            }
        }
    }
    Code::Failed
}

/// Says what is wrong, and ends.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let closed = error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    });
    // Who closed the pipe has read enough.
    if closed {
        return ExitCode::SUCCESS;
    }
    let code = code_of(error);
    let hint = match code {
        Code::Permission => "\nThe files are root's: try sudo.",
        _ => "",
    };
    // There is nobody to tell when this fails, too.
    let _ = io::Write::write_all(
        &mut io::stderr(),
        format!("rmpoptctl: {error:#}{hint}\n").as_bytes(),
    );
    code.into()
}
