// SPDX-License-Identifier: GPL-2.0

//! Checks of what the firmware has set up.

use super::{Check, Checks, Facts, Verdict};
use crate::collect::{facts, list::List, rmp, Root, DEBUG};

const NEEDS_ROOT: &str = "MSRs are root's, and need the module rmpopt or the kernel's msr driver";

/// Makes them.
pub fn examine(root: &Root, facts: &Facts, all: &mut Vec<Check>) {
    let mut checks = Checks {
        category: "firmware",
        all,
    };
    match facts.syscfg {
        Some(value) => checks.need(
            "memory-encryption",
            value & (1 << 23) != 0,
            "SYSCFG has memory encryption (SMEE) on",
            (
                Verdict::Fail,
                "memory encryption is off (SYSCFG bit 23): SNP needs it",
            ),
            "enable SMEE (secure memory encryption) in the firmware's set-up",
        ),
        None => checks.skip("memory-encryption", NEEDS_ROOT),
    }
    match facts::msr(root, facts::HWCR) {
        Some(value) => checks.need(
            "smm-lock",
            value & 1 != 0,
            "SMM is locked",
            (
                Verdict::Fail,
                "SMM is not locked (HWCR bit 0): Linux offers no SEV then",
            ),
            "enable the SMM lock in the firmware's set-up, or update the firmware",
        ),
        None => checks.skip("smm-lock", NEEDS_ROOT),
    }
    reserved(root, facts, &mut checks);
    layout(root, &mut checks);
}

/// Whether there is an RMP.
fn reserved(root: &Root, facts: &Facts, checks: &mut Checks<'_>) {
    let hint = "enable \"SNP Memory (RMP Table) Coverage\" in the firmware's set-up, for all of memory, and reboot";
    if let Some(line) = facts.said("has not been reserved by BIOS") {
        checks.add("rmp-reserved", Verdict::Fail, line.trim(), hint);
        return;
    }
    let Some(base) = facts::msr(root, facts::RMP_BASE) else {
        checks.skip("rmp-reserved", NEEDS_ROOT);
        return;
    };
    let end = facts::msr(root, facts::RMP_END).unwrap_or(0);
    let cfg = facts::msr(root, facts::RMP_CFG).unwrap_or(0);
    let segmented = cfg & 1 != 0;
    let form = if segmented { "segmented" } else { "contiguous" };
    checks.need(
        "rmp-reserved",
        base != 0 && (segmented || end > base),
        &format!("a {form} RMP is at {:#x}", base & !0x1fff),
        (
            Verdict::Fail,
            "the firmware has reserved no memory for the RMP",
        ),
        hint,
    );
    let [_, _, _, edx] = facts.rmp.unwrap_or_default();
    if edx & 1 != 0 {
        checks.need(
            "rmp-segmented",
            segmented,
            "RMPOPT needs a segmented RMP, and it is",
            (
                Verdict::Warn,
                "the RMP is contiguous: RMPOPT needs a segmented one",
            ),
            "enable the segmented RMP in the firmware's set-up",
        );
    }
}

/// What the module found in the table.
fn layout(root: &Root, checks: &mut Checks<'_>) {
    if !root.path(DEBUG).exists() {
        checks.skip(
            "rmp-layout",
            "only the module reads the RMP's segments: it is not loaded",
        );
        return;
    }
    let layout = match rmp::layout(root) {
        Ok(layout) => layout,
        Err(e) => {
            checks.skip("rmp-layout", format!("{e:#}"));
            return;
        }
    };
    let uncovered = layout
        .issues
        .iter()
        .find(|i| i.starts_with("ram-uncovered"));
    checks.need(
        "rmp-covers-ram",
        uncovered.is_none(),
        "the RMP covers all of RAM",
        (Verdict::Fail, uncovered.map_or("", String::as_str)),
        "reserve the RMP for all of memory in the firmware's set-up; the kernel refuses SNP otherwise",
    );
    let others = layout
        .issues
        .iter()
        .filter(|i| !i.starts_with("ram-uncovered"));
    let others: Vec<&str> = others.map(String::as_str).collect();
    checks.need(
        "rmp-layout",
        others.is_empty(),
        "the RMP's layout has no faults",
        (Verdict::Warn, &others.join("; ")),
        "tell the maker of the firmware; Documentation/ABI/testing/debugfs-rmpopt explains each name",
    );
    let away: Vec<String> = layout
        .segments
        .iter()
        .filter(|segment| is_away(&segment.text))
        .map(|segment| segment.index.to_string())
        .collect();
    checks.need(
        "rmp-nodes",
        away.is_empty(),
        "each segment of the RMP is on the node of the memory that it covers",
        (
            Verdict::Warn,
            &format!(
                "on another node than their memory, so that each check goes there: entries of segment {}",
                away.join(", ")
            ),
        ),
        "let the firmware reserve a segment on each node",
    );
}

/// `covers ... nodes 0, entries ... node 1`.
fn is_away(segment: &str) -> bool {
    let after = |word: &str| {
        let (_, rest) = segment.rsplit_once(word)?;
        Some(rest.split(' ').next().unwrap_or(rest).trim_end_matches(','))
    };
    match (after(" nodes "), after(" node ")) {
        (Some("none") | None, _) | (_, Some("none") | None) => false,
        (Some(nodes), Some(node)) => match (List::parse(nodes), List::parse(node)) {
            (Ok(nodes), Ok(node)) => !node.iter().all(|node| nodes.contains(node)),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::is_away;

    #[test]
    fn entries_are_near_if_on_a_node_of_the_memory() {
        let segment = |nodes, node| {
            is_away(&format!(
                "covers 0x0-0x1 (1 GiB) nodes {nodes}, entries 0x2-0x3 (4 MiB) node {node}"
            ))
        };
        assert!(!segment("0", "0"));
        assert!(!segment("0,2-3", "3"));
        assert!(segment("0,2-3", "1"));
        assert!(!segment("none", "1"));
        assert!(!segment("0", "none"));
        assert!(!is_away("covers nothing"));
    }
}
