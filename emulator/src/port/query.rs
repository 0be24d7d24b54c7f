// SPDX-License-Identifier: GPL-2.0

//! Requests that read counters, tables, the RMP, and the states of SNP and its guests.

use super::text::{list, of_core, show};
use super::{done, Answer, Reply};
use crate::guest::Guest;
use crate::model::addr::Region;
use crate::model::Machine;
use crate::options::number;
use crate::session::Session;

/// Answers a request that reads.
pub(super) fn answer(session: &mut Session, guest: &dyn Guest, words: &[&str]) -> Answer {
    let machine = &session.machine;
    let snp = machine.config().kind.snp();
    Ok(Some(match words {
        ["version"] => Ok(format!(
            "rmpopt-emulator {} {}",
            env!("CARGO_PKG_VERSION"),
            machine.config().kind.name()
        )),
        ["counters"] => Ok(session.counters(guest).to_string()),
        ["get", path] => match session.get(guest, path) {
            Some(value) => Ok(value.to_string()),
            None => Err(format!("there is no counter {path}")),
        },
        ["done", cpu] => number(cpu).map(|cpu| {
            let done = guest.done(cpu);
            format!("{} {} {}", done.instructions, done.rmpopt, done.scans)
        }),
        ["reset"] => {
            session.reset(guest);
            done()
        }
        ["take", name] => {
            session.take(guest, name);
            done()
        }
        ["dump", name] if is_file_name(name) => {
            machine.check_all()?;
            session.dump(name)
        }
        ["check"] => {
            machine.check_all()?;
            done()
        }
        ["table", "all"] => {
            let tables = (0..machine.cores()).filter_map(|core| Some((core, machine.table(core)?)));
            lines(tables.map(|(core, (_, regions))| format!("{core}: {}", list(&regions))))
        }
        ["table", core] => {
            of_core(core, |core| machine.table(core)).map(|(_, regions)| list(&regions))
        }
        ["base", core] => {
            of_core(core, |core| machine.table(core)).map(|(base, _)| format!("{base:#x}"))
        }
        ["optimised", gib] => number(gib).map(|gib| list(&machine.optimised(Region(gib)))),
        ["assigned", "all"] => {
            let regions = machine.held();
            lines(regions.map(|region| format!("{}: {}", region.0, pages(machine, region))))
        }
        ["assigned", gib] => number(gib).map(|gib| pages(machine, Region(gib))),
        ["entry", pa] => number(pa).map(|pa| show(&machine.entry(pa))),
        ["entries", gib] => number(gib).and_then(|gib| {
            let all = machine.entries();
            let here = all.filter(|(pa, _)| Region::of(*pa) == Region(gib));
            lines(here.map(|(pa, entry)| format!("{pa:#x} {}", show(&entry))))
        }),
        ["snp", "show"] if snp => Ok(if machine.snp() { "on" } else { "off" }.into()),
        ["snp", "phase"] if snp => Ok(machine.phase().to_string()),
        ["psp", "show"] => Ok(machine.psp_platform()),
        ["psp", "guests"] => lines(machine.psp_guests().map(|(pa, context)| {
            let asid = context.asid.map_or("none".into(), |asid| asid.to_string());
            let launch = context.launch.name();
            format!(
                "{pa:#x} asid={asid} launch={launch} pages={}",
                context.pages
            )
        })),
        _ => return Ok(None),
    }))
}

/// Whether the name is permitted for a file beside the report.
fn is_file_name(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_alphanumeric() || "-_".contains(c))
}

/// The assigned pages of a region.
fn pages(machine: &Machine, region: Region) -> String {
    let assigned = machine.assigned(region);
    format!(
        "{} firmware={} guest={}",
        assigned.total(),
        assigned.firmware,
        assigned.guest
    )
}

fn lines(each: impl Iterator<Item = String>) -> Reply {
    Ok(each.collect::<Vec<_>>().join("\n"))
}
