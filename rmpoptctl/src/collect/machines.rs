// SPDX-License-Identifier: GPL-2.0

//! Virtual machines that are SNP guests: QEMU's command lines in /proc.

use super::{clean, Root};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::fs;

/// A process that runs an SNP guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Machine {
    /// The process.
    pub pid: u32,
    /// The guest's name: of `-name`, which libvirt and Proxmox set as well; else the program's.
    pub name: String,
    /// Who started it: `libvirt`, `Proxmox` or `QEMU`.
    pub by: String,
    /// Its memory, as the command line says.
    pub memory: Option<String>,
}

/// All of them. A process that ends meanwhile is left out.
///
/// # Errors
///
/// /proc cannot be read.
pub fn all(root: &Root) -> Result<Vec<Machine>> {
    let mut found = Vec::new();
    for name in root.names("proc")? {
        let Ok(pid) = name.parse::<u32>() else {
            continue;
        };
        let Ok(bytes) = fs::read(root.path(&format!("proc/{pid}/cmdline"))) else {
            continue;
        };
        let words: Vec<String> = bytes.split(|byte| *byte == 0).map(clean).collect();
        found.extend(machine(pid, &words));
    }
    found.sort_by_key(|machine| machine.pid);
    Ok(found)
}

/// From the words of a command line; none where it is no SNP guest's.
fn machine(pid: u32, words: &[String]) -> Option<Machine> {
    let snp = words.iter().any(|word| word.contains("sev-snp-guest"));
    if !snp {
        return None;
    }
    let after = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).map(String::as_str)
    };
    let name = after("-name").map(|name| {
        let first = name.split(',').next().unwrap_or(name);
        let first = first.strip_prefix("guest=").unwrap_or(first);
        first.to_owned()
    });
    let program = words
        .first()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let by = if words.iter().any(|word| word.contains("/var/lib/libvirt/")) {
        "libvirt"
    } else if words.iter().any(|word| word.contains("/run/qemu-server/")) {
        "Proxmox"
    } else {
        "QEMU"
    };
    let memory = after("-m").map(|m| m.split(',').next().unwrap_or(m));
    let memory = memory.map(|m| m.strip_prefix("size=").unwrap_or(m).to_owned());
    Some(Machine {
        pid,
        name: name
            .or_else(|| program.map(str::to_owned))
            .unwrap_or_default(),
        by: by.to_owned(),
        memory,
    })
}

#[cfg(test)]
mod tests {
    use super::machine;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn names_who_started_it() {
        let find = |text: &str| machine(7, &words(text)).map(|m| (m.name, m.by, m.memory));
        let some =
            |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), Some(c.to_owned())));
        assert_eq!(
            find("/usr/bin/kvm -id 100 -name web,debug-threads=on -pidfile /run/qemu-server/100.pid -m 2048 -object sev-snp-guest,id=s"),
            some("web", "Proxmox", "2048")
        );
        assert_eq!(
            find("qemu-system-x86_64 -name guest=db,x -S -object {\"qom-type\":\"sev-snp-guest\"} -m size=1048576k,slots=2 -chardev /var/lib/libvirt/qemu"),
            some("db", "libvirt", "1048576k")
        );
        assert_eq!(
            find("qemu-system-x86_64 -m 4G -object sev-snp-guest,id=sev0"),
            some("qemu-system-x86_64", "QEMU", "4G")
        );
        assert_eq!(find("qemu-system-x86_64 -m 4G"), None);
    }
}
