// SPDX-License-Identifier: GPL-2.0

//! Checks of the module.

use super::{Check, Checks, Facts, Verdict};
use crate::{
    cmd::status,
    collect::{Root, CONFIG, DEBUG},
    exit::{code_of, Code},
};
use std::fs;

/// Makes them.
pub fn examine(root: &Root, facts: &Facts, all: &mut Vec<Check>) {
    let mut checks = Checks {
        category: "module",
        all,
    };
    if !facts.loaded {
        installed(root, facts, &mut checks);
        let why = facts.said("rmpopt: not loaded").map(str::trim);
        checks.add(
            "loaded",
            Verdict::Fail,
            why.unwrap_or("the module rmpopt is not loaded"),
            "modprobe rmpopt",
        );
        return;
    }
    checks.pass("loaded", "the module rmpopt is loaded");
    let mut readable = true;
    for (name, folder, filesystem) in [
        ("debugfs", DEBUG, "debugfs"),
        ("configfs", CONFIG, "configfs"),
    ] {
        match fs::read_dir(root.path(folder)) {
            Ok(_) => checks.pass(name, format!("its files are in /{folder}")),
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                checks.skip(name, format!("/{folder} is root's"));
                readable = false;
            }
            Err(_) => {
                let hint = format!(
                    "mount -t {filesystem} none /{}",
                    folder.trim_end_matches("/rmpopt")
                );
                let message = format!("{filesystem} is not mounted: there is no /{folder}");
                checks.add(name, Verdict::Fail, message, &hint);
                readable = false;
            }
        }
    }
    if !readable {
        return;
    }
    let report = match status::collect(root) {
        Ok(report) => report,
        Err(e) if code_of(&e) == Code::Permission => {
            checks.skip("files", "the module's files are root's");
            return;
        }
        Err(e) => {
            let hint = "use the rmpoptctl that belongs to the module";
            checks.add("files", Verdict::Fail, format!("{e:#}"), hint);
            return;
        }
    };
    let Some(loaded) = report.rmpopt else {
        return;
    };
    checks.pass("files", "all files are as this rmpoptctl expects them");
    if !loaded.config.rmpopt {
        return;
    }
    let missing = loaded.stats.probes.starts_with("none");
    checks.need(
        "probes",
        !missing || loaded.module.role == "observe",
        &format!("conversions are seen: {}", loaded.stats.probes),
        (
            Verdict::Warn,
            "the kernel's RMP functions are not watched: memory is won back every 10 s only",
        ),
        "load without probes=0; CONFIG_FPROBE and CONFIG_KVM_AMD_SEV in the kernel",
    );
    let warnings = report
        .warnings
        .iter()
        .filter(|warning| !warning.contains("not watched"));
    let warnings: Vec<&str> = warnings.map(String::as_str).collect();
    checks.need(
        "state",
        warnings.is_empty(),
        &format!("role {}, nothing to warn of", loaded.module.role),
        (Verdict::Warn, &warnings.join("; ")),
        "rmpoptctl status",
    );
}

/// Whether modprobe would find it.
fn installed(root: &Root, facts: &Facts, checks: &mut Checks<'_>) {
    let file = format!("lib/modules/{}/modules.dep", facts.release);
    match root.optional(&file) {
        Ok(Some(text)) => checks.need(
            "installed",
            text.contains("/rmpopt.ko"),
            "the module is installed for this kernel",
            (Verdict::Fail, "the module is not installed for this kernel"),
            "make, then make modules_install KDIR=/lib/modules/$(uname -r)/build; or insmod rmpopt.ko",
        ),
        _ => checks.skip("installed", format!("there is no /{file}")),
    }
}
