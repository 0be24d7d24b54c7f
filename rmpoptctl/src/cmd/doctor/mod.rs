// SPDX-License-Identifier: GPL-2.0

//! `doctor`: each precondition from the firmware's set-up to the module, and what to do where it is not met.
//!
//! Works without the module and, as far as possible, without root: what cannot be known is skipped with the reason.

mod firmware;
mod kernel;
mod module;
mod processor;

use crate::{
    collect::{facts, host, Root},
    exit::Code,
    output::{Data, Output},
    show,
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Worth a look; the module works, perhaps with less.
    Warn,
    /// It keeps the module from working.
    Fail,
    /// It could not be found out.
    Skip,
}

/// A check.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Check {
    /// What it is about: `processor`, `firmware`, `kernel`, `module` or `known failure`.
    pub category: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What came of it.
    pub status: Verdict,
    /// What was found, and why that matters.
    pub message: String,
    /// What to do; none where there is nothing to do.
    pub fix_hint: Option<String>,
}

/// What `doctor` found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// No check failed.
    pub ok: bool,
    /// All checks.
    pub checks: Vec<Check>,
}

/// The checks of one category.
struct Checks<'a> {
    category: &'static str,
    all: &'a mut Vec<Check>,
}

impl Checks<'_> {
    fn add(&mut self, name: &'static str, status: Verdict, message: impl Into<String>, hint: &str) {
        let needed = matches!(status, Verdict::Warn | Verdict::Fail | Verdict::Skip);
        self.all.push(Check {
            category: self.category,
            name,
            status,
            message: message.into(),
            fix_hint: (needed && !hint.is_empty()).then(|| hint.to_owned()),
        });
    }

    fn pass(&mut self, name: &'static str, message: impl Into<String>) {
        self.add(name, Verdict::Pass, message, "");
    }

    fn skip(&mut self, name: &'static str, message: impl Into<String>) {
        self.add(name, Verdict::Skip, message, "");
    }

    /// A condition: a pass with the first message, else the other verdict with the second one and what to do.
    fn need(
        &mut self,
        name: &'static str,
        met: bool,
        message: &str,
        otherwise: (Verdict, &str),
        hint: &str,
    ) {
        if met {
            self.pass(name, message);
        } else {
            self.add(name, otherwise.0, otherwise.1, hint);
        }
    }
}

/// What several checks look at.
struct Facts {
    release: String,
    /// CPUID 8000_001F and 8000_0025.
    sev: Option<facts::Registers>,
    rmp: Option<facts::Registers>,
    syscfg: Option<u64>,
    log: Option<String>,
    loaded: bool,
}

impl Facts {
    fn has_snp(&self) -> Option<bool> {
        self.sev.map(|[eax, ..]| eax & (1 << 4) != 0)
    }

    fn snp_on(&self) -> Option<bool> {
        self.syscfg.map(|value| value & (1 << 24) != 0)
    }

    /// The first line of the log with this in it.
    fn said(&self, text: &str) -> Option<&str> {
        let log = self.log.as_deref()?;
        log.lines().find(|line| line.contains(text))
    }
}

/// Makes all checks. Ends with 1 where one failed.
///
/// # Errors
///
/// Only where nothing can be printed.
pub fn run(root: &Root, output: &Output) -> Result<Code> {
    let report = examine(root);
    let code = if report.ok { Code::Done } else { Code::Failed };
    let text = show::doctor::text(&report, output.style);
    output.print(Data::Doctor(report), |_| text)?;
    Ok(code)
}

fn examine(root: &Root) -> Report {
    let facts = Facts {
        release: host::release(root),
        sev: facts::cpuid(root, 0x8000_001f),
        rmp: facts::cpuid(root, 0x8000_0025),
        syscfg: facts::msr(root, facts::SYSCFG),
        log: facts::log(root),
        loaded: root.path("sys/module/rmpopt").exists()
            || root.path(crate::collect::DEBUG).exists(),
    };
    let mut checks = Vec::new();
    processor::examine(root, &facts, &mut checks);
    firmware::examine(root, &facts, &mut checks);
    kernel::examine(root, &facts, &mut checks);
    module::examine(root, &facts, &mut checks);
    Report {
        ok: checks.iter().all(|check| check.status != Verdict::Fail),
        checks,
    }
}
