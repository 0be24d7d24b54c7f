// SPDX-License-Identifier: GPL-2.0

//! Parses and prints the words of requests and replies: numbers, lists, RMP entries.

use crate::model::entry::{Entry, Owner, Size, GPA_LIMIT, MAX_ASID};
use crate::options::number;

/// The result of `find` for the core with the number `core`.
pub(super) fn of_core<T>(core: &str, find: impl FnOnce(u64) -> Option<T>) -> Result<T, String> {
    let core = number(core)?;
    find(core).ok_or_else(|| format!("there is no core {core}"))
}

/// Numbers as the kernel writes a CPU list; "none" for no number.
pub(super) fn list(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for n in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *n => *last = *n,
            _ => runs.push((*n, *n)),
        }
    }
    if runs.is_empty() {
        return "none".into();
    }
    let texts: Vec<String> = runs
        .iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    texts.join(",")
}

/// Prints an entry as `KEY=VALUE` fields.
pub(super) fn show(entry: &Entry) -> String {
    let owner = match entry.owner() {
        Owner::Hypervisor => "hypervisor",
        Owner::Guest => "guest",
        Owner::Firmware => "firmware",
    };
    format!(
        "assigned={} size={} immutable={} asid={} gpa={:#x} vmsa={} validated={} owner={owner}",
        u8::from(entry.assigned),
        entry.size.name(),
        u8::from(entry.immutable),
        entry.asid,
        entry.gpa,
        u8::from(entry.vmsa),
        u8::from(entry.validated),
    )
}

/// Parses `KEY=VALUE` fields of an entry for the page at `pa`.
pub(super) fn entry(pa: u64, fields: &[&str]) -> Result<(u64, Entry), String> {
    let mut entry = Entry::default();
    for field in fields {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| format!("{field:?} is not KEY=VALUE"))?;
        let flag = || match value {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(format!("{key} is 0 or 1")),
        };
        match key {
            "assigned" => entry.assigned = flag()?,
            "immutable" => entry.immutable = flag()?,
            "vmsa" => entry.vmsa = flag()?,
            "validated" => entry.validated = flag()?,
            "size" => {
                entry.size = match value {
                    "4k" => Size::Page,
                    "2m" => Size::Block,
                    _ => return Err("size is 4k or 2m".into()),
                }
            }
            "asid" => {
                entry.asid = u32::try_from(number(value)?).map_err(|e| e.to_string())?;
                if entry.asid > MAX_ASID {
                    return Err(format!("an ASID is at most {MAX_ASID}"));
                }
            }
            "gpa" => {
                entry.gpa = number(value)?;
                if entry.gpa >= GPA_LIMIT {
                    return Err("gpa is too large".into());
                }
            }
            _ => return Err(format!("an entry has no {key}")),
        }
    }
    let size = entry.size.bytes();
    if pa % size != 0 || entry.gpa % size != 0 {
        return Err("the address is not aligned to the size".into());
    }
    Ok((pa, entry))
}
