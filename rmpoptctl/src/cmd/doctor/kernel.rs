// SPDX-License-Identifier: GPL-2.0

//! Checks of the kernel, and known failures that its log tells of.

use super::{Check, Checks, Facts, Verdict};
use crate::collect::{facts, lines::number, processor, rmp, Root};
use std::process::Command;

/// The series that the module supports, each from a patch level on: see `scripts/kernel-series`.
const SERIES: [((u32, u32), u32); 2] = [((7, 2), 12), ((7, 3), 2)];

/// Makes them.
pub fn examine(root: &Root, facts: &Facts, all: &mut Vec<Check>) {
    let mut checks = Checks {
        category: "kernel",
        all,
    };
    series(facts, &mut checks);
    let flags = processor::read(root)
        .map(|found| found.flags)
        .unwrap_or_default();
    if flags.iter().any(|flag| flag == "rmpopt") {
        checks.pass(
            "native",
            "the kernel has RMPOPT of its own: the module assists it and shows",
        );
    } else {
        checks.pass("native", "the kernel has no RMPOPT of its own");
    }
    let seen = flags.iter().any(|flag| flag == "sev_snp");
    let why = facts
        .said("SEV-SNP")
        .unwrap_or("the kernel does not use SEV-SNP");
    checks.need(
        "snp-flag",
        seen,
        "the kernel uses SEV-SNP (sev_snp in /proc/cpuinfo)",
        (
            Verdict::Fail,
            &format!("no sev_snp in /proc/cpuinfo: {}", why.trim()),
        ),
        "dmesg | grep -i -e sev -e iommu; CONFIG_KVM_AMD_SEV and no mem_encrypt=off, kvm_amd.sev=0",
    );
    iommu(root, facts, &mut checks);
    on(root, facts, &mut checks);
    build(root, facts, &mut checks);
    lockdown(root, &mut checks);
    known(root, facts, seen, checks.all);
}

fn series(facts: &Facts, checks: &mut Checks<'_>) {
    let release = facts.release.as_str();
    let mut numbers = release.split(['.', '-', '+', '~']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok);
    let (Some(major), Some(minor)) = (next(), next()) else {
        checks.skip("series", format!("\"{release}\" is not a kernel's release"));
        return;
    };
    let patch = next().unwrap_or(0);
    let known = SERIES.iter().find(|(series, _)| *series == (major, minor));
    match known {
        Some((_, from)) if patch >= *from => {
            checks.pass("series", format!("{release} is of a supported series"));
        }
        _ if facts.loaded => {
            checks.pass("series", format!("the module is loaded in {release}"));
        }
        _ => checks.add(
            "series",
            Verdict::Fail,
            format!(
                "the module is for 7.2 from 7.2.12 on and 7.3 from 7.3.2 on, not for {release}"
            ),
            "install a kernel of these series, or build with KERNEL_UNTESTED=1",
        ),
    }
}

fn iommu(root: &Root, facts: &Facts, checks: &mut Checks<'_>) {
    let line = root.word("proc/cmdline").unwrap_or_default();
    let mut wrong = line.split_whitespace().filter(|word| {
        let off = [
            "iommu=pt",
            "iommu=off",
            "amd_iommu=off",
            "iommu.passthrough=1",
        ];
        off.contains(word)
    });
    if let Some(word) = wrong.next() {
        checks.add(
            "iommu",
            Verdict::Fail,
            format!("{word} on the kernel's command line: SNP needs the IOMMU to translate"),
            "remove it and reboot",
        );
        return;
    }
    let folder = "sys/class/iommu";
    let names = root.names(folder).unwrap_or_default();
    let mut features = names.iter().filter_map(|name| {
        let text = root.word(&format!("{folder}/{name}/amd-iommu/features"))?;
        let first = text.split(':').next().unwrap_or_default().to_owned();
        number(&format!("0x{first}")).ok()
    });
    if let Some(line) = facts.said("IOMMU SNP support enabled") {
        checks.pass("iommu", line.trim());
    } else if features.clone().next().is_none() {
        let message = "no AMD IOMMU to be seen in /sys/class/iommu: SNP needs one";
        let hint = "enable the IOMMU in the firmware's set-up";
        checks.add("iommu", Verdict::Fail, message, hint);
    } else {
        checks.need(
            "iommu",
            features.all(|value| value & (1 << 63) != 0),
            "each IOMMU supports SNP",
            (
                Verdict::Fail,
                "an IOMMU does not support SNP (bit 63 of its features)",
            ),
            "update the firmware, enable SNP for the IOMMU in its set-up",
        );
    }
}

/// Whether SNP is on, and who would bring it up.
fn on(root: &Root, facts: &Facts, checks: &mut Checks<'_>) {
    let kvm = root.word("sys/module/kvm_amd/parameters/sev_snp");
    match (facts.snp_on(), kvm.as_deref()) {
        (Some(true), _) => checks.pass("snp-on", "SNP is on (SYSCFG bit 24)"),
        (_, Some("Y")) => checks.pass("snp-on", "kvm_amd has SEV-SNP enabled"),
        (_, Some(_)) => checks.add(
            "snp-on",
            Verdict::Fail,
            "kvm_amd has SEV-SNP disabled",
            "dmesg | grep -i -e sev -e ccp; kvm_amd.sev_snp=1 on the kernel's command line; a firmware for the PSP",
        ),
        (Some(false), None) => checks.add(
            "snp-on",
            Verdict::Warn,
            "SNP is off: nobody has initialised it",
            "modprobe kvm_amd sev_snp=1",
        ),
        (None, None) => checks.skip("snp-on", "kvm_amd is not loaded, and MSRs are root's"),
    }
}

/// What building the module needs; of no account once it is loaded.
fn build(root: &Root, facts: &Facts, checks: &mut Checks<'_>) {
    if facts.loaded {
        return;
    }
    let release = facts.release.as_str();
    match facts::kernel_option(root, release, "CONFIG_RUST") {
        Some(value) => checks.need(
            "rust",
            value.as_deref() == Some("y"),
            "the kernel has CONFIG_RUST",
            (
                Verdict::Fail,
                "the kernel is built without CONFIG_RUST: modules in Rust cannot be loaded",
            ),
            "install a kernel that has it, as Debian's 7.2 and 7.3 have",
        ),
        None => checks.skip(
            "rust",
            "the kernel's configuration is not in /boot or /lib/modules",
        ),
    }
    let metadata = format!("lib/modules/{release}/build/rust/libcore.rmeta");
    checks.need(
        "rust-metadata",
        root.path(&metadata).exists(),
        "the kernel's headers have the metadata of its crates",
        (Verdict::Warn, "the kernel's headers lack the metadata of its crates (rust/*.rmeta): no build from them alone"),
        "build as Documentation/building.rst says, from the distribution's source package",
    );
    let wanted = facts::kernel_option(root, release, "CONFIG_RUSTC_VERSION_TEXT").flatten();
    let Some(wanted) = wanted else {
        return;
    };
    let found = if root.saved() { None } else { rustc() };
    match found {
        Some(found) => checks.need(
            "rustc",
            found == wanted,
            &format!("rustc is the kernel's: {found}"),
            (
                Verdict::Warn,
                &format!("the kernel was built by \"{wanted}\", here is \"{found}\""),
            ),
            "put the distribution's own rustc first in PATH, or build in the root as make does",
        ),
        None => checks.skip(
            "rustc",
            format!("the kernel was built by \"{wanted}\"; no rustc here"),
        ),
    }
}

fn rustc() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn lockdown(root: &Root, checks: &mut Checks<'_>) {
    let modes = root.word("sys/kernel/security/lockdown");
    let locked = modes.is_some_and(|modes| !modes.contains("[none]"));
    let secure = facts::secure_boot(root);
    let boot = match secure {
        Some(true) => "Secure Boot is on",
        Some(false) => "Secure Boot is off",
        None => "no Secure Boot",
    };
    checks.need(
        "lockdown",
        !locked && secure != Some(true),
        &format!("{boot}, no lockdown: the module need not be signed"),
        (
            Verdict::Warn,
            &format!(
                "{boot}, the kernel {} locked down: the module has to be signed; its files work",
                if locked { "is" } else { "may be" }
            ),
        ),
        "sign rmpopt.ko with a key that the machine trusts: mokutil --import, scripts/sign-file",
    );
}

/// Failures that others had on SNP hosts.
fn known(root: &Root, facts: &Facts, seen: bool, all: &mut Vec<Check>) {
    let mut checks = Checks {
        category: "known failure",
        all,
    };
    let firmware_ready = facts.has_snp() == Some(true)
        && facts::msr(root, facts::RMP_BASE).is_some_and(|base| base != 0);
    if firmware_ready && !seen {
        checks.add(
            "snp-lost-after-kernel-update",
            Verdict::Fail,
            "processor and firmware are ready for SNP, this kernel gave up on it",
            "compare dmesg and CONFIG_KVM_AMD_SEV, CONFIG_AMD_IOMMU with the kernel before",
        );
    } else if seen {
        checks.pass("snp-lost-after-kernel-update", "this kernel uses SNP");
    } else {
        checks.skip(
            "snp-lost-after-kernel-update",
            "processor or firmware are not ready for SNP, or not known",
        );
    }
    if facts.log.is_none() {
        checks.skip("rmpupdate", "the kernel's log is root's");
        return;
    }
    match facts.said("RMPUPDATE failed") {
        None => checks.pass("rmpupdate", "the kernel's log has no RMPUPDATE that failed"),
        Some(line) => {
            let pfn = line.split("PFN ").nth(1).and_then(|rest| {
                let word = rest.split([' ', ',']).next().unwrap_or(rest);
                number(&format!("0x{}", word.trim_start_matches("0x"))).ok()
            });
            let last = pfn.is_some_and(|pfn| in_last_mib(root, pfn));
            let (why, hint) = if last {
                (
                    "in the last MiB of what the RMP covers, a known failure of firmware",
                    "update the firmware; until then keep that MiB from guests: memmap=1M$ADDRESS on the kernel's command line",
                )
            } else {
                (
                    "see the line",
                    "update firmware and kernel; report it with the log",
                )
            };
            checks.add(
                "rmpupdate",
                Verdict::Fail,
                format!("{}: {why}", line.trim()),
                hint,
            );
        }
    }
}

/// Whether a page is in the last MiB of what a segment covers.
fn in_last_mib(root: &Root, pfn: u64) -> bool {
    let Ok(layout) = rmp::layout(root) else {
        return false;
    };
    layout.segments.iter().any(|segment| {
        let range = segment.text.strip_prefix("covers ").unwrap_or_default();
        let range = range.split(' ').next().unwrap_or_default();
        let last = range
            .split_once('-')
            .and_then(|(_, last)| number(last).ok());
        last.is_some_and(|last| pfn <= last >> 12 && pfn > (last >> 12).saturating_sub(256))
    })
}
