// SPDX-License-Identifier: GPL-2.0

//! Checks of the processor.

use super::{Check, Checks, Facts, Verdict};
use crate::collect::{processor, Root};
use std::collections::BTreeSet;

/// Makes them.
pub fn examine(root: &Root, facts: &Facts, all: &mut Vec<Check>) {
    let mut checks = Checks {
        category: "processor",
        all,
    };
    match processor::read(root) {
        Ok(found) => checks.need(
            "amd",
            found.vendor == "AuthenticAMD",
            &found.name,
            (
                Verdict::Fail,
                "the processor is not AMD's: only AMD EPYC has SEV-SNP",
            ),
            "use a host with an EPYC of Zen 3 or later",
        ),
        Err(e) => checks.skip("amd", format!("{e:#}")),
    }
    microcode(root, &mut checks);
    let Some(snp) = facts.has_snp() else {
        checks.skip("snp", "CPUID 8000_001F is not known");
        return;
    };
    checks.need(
        "snp",
        snp,
        "the processor has SEV-SNP",
        (Verdict::Fail, "the processor offers no SEV-SNP (CPUID 8000_001F EAX bit 4 is 0)"),
        "enable SEV-SNP (SNP, SEV-ES ASID space limit) in the firmware's set-up, or use an EPYC of Zen 3 or later",
    );
    if !snp {
        return;
    }
    let [eax, ..] = facts.sev.unwrap_or_default();
    checks.need(
        "rmpread",
        eax & (1 << 21) != 0,
        "RMP entries are read by RMPREAD",
        (
            Verdict::Warn,
            "there is no RMPREAD (Zen 3 and 4): entries are read from the table in memory",
        ),
        "",
    );
    let [_, _, _, edx] = facts.rmp.unwrap_or_default();
    checks.need(
        "rmpopt",
        edx & 1 != 0,
        "the processor has RMPOPT",
        (
            Verdict::Warn,
            "the processor has no RMPOPT (before Zen 6): the module shows what there is and optimises nothing",
        ),
        "",
    );
}

fn microcode(root: &Root, checks: &mut Checks<'_>) {
    let Ok(text) = root.text("proc/cpuinfo") else {
        return;
    };
    let lines = text.lines().filter(|line| line.starts_with("microcode"));
    let versions: BTreeSet<&str> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(_, version)| version.trim())
        .collect();
    let listed = versions.iter().copied().collect::<Vec<_>>().join(", ");
    match versions.len() {
        0 => checks.skip("microcode", "its version is not told"),
        1 => checks.pass("microcode", format!("version {listed} on all CPUs")),
        _ => checks.add(
            "microcode",
            Verdict::Fail,
            format!("CPUs have different versions: {listed}; SNP_INIT refuses that"),
            "install the distribution's microcode package, or a newer firmware, and reboot",
        ),
    }
}
