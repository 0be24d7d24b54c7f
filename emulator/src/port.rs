// SPDX-License-Identifier: GPL-2.0

//! The test port: requests of the guest to its own hardware. README.md lists them.

use crate::guest::{Cpu, Guest, RAX, RBX, RCX, RDI, RSI};
use crate::model::addr::Region;
use crate::model::entry::{Entry, Owner, Size, GPA_LIMIT, MAX_ASID};
use crate::model::psp::Command;
use crate::model::switches::CoreFault;
use crate::model::{is_ours, Fatal, Injected, Machine, MsrAccess, Phase};
use crate::options::number;
use crate::session::Session;
use std::time::Duration;

/// ECX of an answered request, so that a caller can tell that there is a port.
const THERE: u64 = 0x2145_4d55;
/// A request is shorter than this.
const MAX_REQUEST: usize = 4096;

/// What a request gives: the reply, or why it was refused.
type Reply = Result<String, String>;

/// Serves the request in the vCPU's registers.
pub fn serve(session: &mut Session, cpu: &dyn Cpu) -> Result<(), Fatal> {
    let request = read_text(cpu, cpu.register(RBX));
    let mut reply = match request {
        Some(text) => answer(session, cpu.guest(), &text)?,
        None => Err("the request cannot be read".into()),
    };
    let (buffer, size) = (cpu.register(RSI), cpu.register(RDI));
    if let Ok(text) = &reply {
        if crate::model::addr::number(text.len()) > size {
            reply = Err(format!("the reply needs {} bytes", text.len()));
        }
    }
    let (code, text) = match &reply {
        Ok(text) => (0, text),
        Err(text) => (1, text),
    };
    let length = text.len().min(crate::model::addr::index(size));
    let bytes = text.as_bytes().get(..length).unwrap_or_default();
    if length > 0 && !cpu.write_virtual(buffer, bytes) {
        return Err(Fatal(format!(
            "a reply to {buffer:#x}, which is not mapped"
        )));
    }
    cpu.set_register(RAX, code);
    cpu.set_register(RBX, crate::model::addr::number(length));
    cpu.set_register(RCX, THERE);
    Ok(())
}

/// Reads up to a NUL, page by page because the page behind may not be mapped.
fn read_text(cpu: &dyn Cpu, va: u64) -> Option<String> {
    let mut text = Vec::new();
    let mut at = va;
    while text.len() < MAX_REQUEST {
        let mut part = vec![0; crate::model::addr::index(64 - at % 64)];
        if !cpu.read_virtual(at, &mut part) {
            return None;
        }
        if let Some(end) = part.iter().position(|b| *b == 0) {
            part.truncate(end);
            text.extend(part);
            return String::from_utf8(text).ok();
        }
        at = at.wrapping_add(crate::model::addr::number(part.len()));
        text.extend(part);
    }
    None
}

/// Answers one request.
pub fn answer(session: &mut Session, guest: &dyn Guest, request: &str) -> Result<Reply, Fatal> {
    let words: Vec<&str> = request.split_whitespace().collect();
    let machine = &mut session.machine;
    Ok(match words.as_slice() {
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
        ["reset"] => {
            session.reset(guest);
            done()
        }
        ["take", name] => {
            session.take(guest, name);
            done()
        }
        ["dump", name]
            if name
                .chars()
                .all(|c| c.is_alphanumeric() || "-_".contains(c)) =>
        {
            machine.check_all()?;
            session.dump(name)
        }
        ["check"] => {
            machine.check_all()?;
            done()
        }
        ["forget"] => {
            machine.forget();
            done()
        }
        ["table", "all"] => {
            let tables = (0..machine.cores()).filter_map(|core| Some((core, machine.table(core)?)));
            lines(tables.map(|(core, (_, regions))| format!("{core}: {}", list(&regions))))
        }
        ["table", core] => number(core).and_then(|core| match machine.table(core) {
            Some((_, regions)) => Ok(list(&regions)),
            None => Err(format!("there is no core {core}")),
        }),
        ["optimised", gib] => number(gib).map(|gib| list(&machine.optimised(Region(gib)))),
        ["assigned", "all"] => {
            let regions = machine.held();
            lines(regions.map(|region| format!("{}: {}", region.0, pages(machine, region))))
        }
        ["assigned", gib] => number(gib).map(|gib| pages(machine, Region(gib))),
        ["entry", pa] => number(pa).map(|pa| show(&machine.entry(pa))),
        ["set-entry", pa, fields @ ..] => match number(pa).and_then(|pa| entry(pa, fields)) {
            Ok((pa, entry)) => {
                machine.set_entry(guest.memory(), pa, entry)?;
                done()
            }
            Err(e) => Err(e),
        },
        ["fault", core, how] => match (number(core), CoreFault::parse(how)) {
            (Ok(core), Ok(fault)) if machine.break_core(core, fault) => done(),
            (Ok(core), Ok(_)) => Err(format!("there is no core {core}")),
            (Err(e), _) | (_, Err(e)) => Err(e),
        },
        ["entries", gib] => number(gib).and_then(|gib| {
            let all = machine.entries();
            let here = all.filter(|(pa, _)| Region::of(*pa) == Region(gib));
            lines(here.map(|(pa, entry)| format!("{pa:#x} {}", show(&entry))))
        }),
        ["snp", how @ ..] => snp(machine, guest, how)?,
        ["base", core] => number(core).and_then(|core| match machine.table(core) {
            Some((base, _)) => Ok(format!("{base:#x}")),
            None => Err(format!("there is no core {core}")),
        }),
        ["base", core, value] => match (number(core), number(value)) {
            (Ok(core), Ok(value)) => match machine.write_base(core, value) {
                MsrAccess::Done(_) => done(),
                _ => Err("refused, as WRMSR would be".into()),
            },
            (Err(e), _) | (_, Err(e)) => Err(e),
        },
        ["msr", msr, "default"] => number(msr).and_then(|msr| {
            machine.override_msr(msr_number(msr)?, None);
            done()
        }),
        ["msr", msr, value] => number(msr).and_then(|msr| {
            machine.override_msr(msr_number(msr)?, Some(number(value)?));
            done()
        }),
        ["rst", "restore"] => {
            let written = machine.write_segment_table(guest.memory());
            written.map(|()| String::new()).map_err(|Fatal(what)| what)
        }
        ["rst", index, value] => match (number(index), number(value)) {
            (Ok(index @ 0..512), Ok(value)) => {
                let place = machine.layout().segment_table_address() + index * 8;
                if guest.write(place, &value.to_le_bytes()) {
                    done()
                } else {
                    Err(format!("there is no memory at {place:#x}"))
                }
            }
            (Ok(_), Ok(_)) => Err("the segment table has 512 entries".into()),
            (Err(e), _) | (_, Err(e)) => Err(e),
        },
        ["switch", name, value] => match machine.switches().set(name, value) {
            Some(result) => result.map(|()| String::new()),
            None => Err(format!("there is no switch {name}")),
        },
        ["time", how @ ("none" | "model")] => {
            session.set_timed(*how == "model").map(|()| String::new())
        }
        ["psp", "show"] => Ok(machine.psp_platform()),
        ["psp", "guests"] => lines(machine.psp_guests().map(|(pa, context)| {
            let asid = context.asid.map_or("none".into(), |asid| asid.to_string());
            let launch = context.launch.name();
            format!(
                "{pa:#x} asid={asid} launch={launch} pages={}",
                context.pages
            )
        })),
        ["psp", "init_ms", value] => number(value).map(|ms| {
            session.init = Duration::from_millis(ms);
            String::new()
        }),
        ["fail", which, code, count @ ..] => fail(session, which, code, count),
        ["provoke", "missed-clear"] => {
            machine.miss_next_clear();
            done()
        }
        _ => Err(format!("not a request: {request}")),
    })
}

fn snp(machine: &mut Machine, guest: &dyn Guest, how: &[&str]) -> Result<Reply, Fatal> {
    if !machine.config().kind.snp() {
        return Ok(Err("this processor has no SNP".into()));
    }
    match how {
        ["on"] => machine.snp_on(guest.memory())?,
        ["off"] | ["shutdown", "full"] => machine.snp_off(),
        ["off-legacy"] | ["shutdown", "legacy"] => machine.snp_off_legacy(),
        ["prepare"] => machine.snp_prepare(),
        ["init-begin"] => return Ok(machine.snp_init_begin().map(|()| String::new())),
        ["init-end"] if machine.phase() != Phase::Initialising => {
            return Ok(Err("no SNP_INIT is under way".into()));
        }
        ["init-end"] => machine.snp_init_end(guest.memory())?,
        ["show"] => return Ok(Ok(if machine.snp() { "on" } else { "off" }.into())),
        ["phase"] => return Ok(Ok(machine.phase().to_string())),
        _ => {
            return Ok(Err(
                "snp on, off, off-legacy, prepare, init-begin, init-end, shutdown legacy, shutdown full, show or phase"
                    .into(),
            ));
        }
    }
    Ok(done())
}

fn done() -> Reply {
    Ok(String::new())
}

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

fn msr_number(msr: u64) -> Result<u32, String> {
    let number = u32::try_from(msr).ok().filter(|msr| is_ours(*msr));
    number.ok_or_else(|| format!("{msr:#x} is none of the MSRs here"))
}

fn fail(session: &mut Session, which: &str, code: &str, count: &[&str]) -> Reply {
    let code = number(code)?;
    let count = match count {
        [] => 1,
        [count] => number(count)?,
        _ => return Err("fail INSTRUCTION|COMMAND CODE [COUNT]".into()),
    };
    let machine = &mut session.machine;
    let instruction = match which {
        "rmpupdate" => Injected::Update,
        "rmpread" => Injected::Read,
        "psmash" => Injected::Smash,
        _ => {
            let command = Command::parse(which)?;
            let status = u16::try_from(code).map_err(|e| e.to_string())?;
            machine.fail_command(command, status, count);
            return done();
        }
    };
    let code = u32::try_from(code).map_err(|e| e.to_string())?;
    machine.inject(instruction, code, count);
    done()
}

/// Numbers as the kernel writes a CPU list; "none" for no number.
fn list(numbers: &[u64]) -> String {
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

fn show(entry: &Entry) -> String {
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

/// Reads `KEY=VALUE` fields of an entry for the page at `pa`.
fn entry(pa: u64, fields: &[&str]) -> Result<(u64, Entry), String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use crate::model::psp::{Answer, Status};
    use crate::model::tests::{machine, NoRam, Ram};
    use crate::options::Durations;
    use crate::session::tests::session;

    #[test]
    fn the_segment_table_is_written_or_refused() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        let place = session.machine.layout().segment_table_address() + 8;
        for request in ["rst 1 5", "rst restore"] {
            assert_eq!(answer(&mut session, &ram, request), Ok(done()));
            assert_eq!(ram.word(place), if request == "rst 1 5" { 5 } else { 0 });
            let reply = answer(&mut session, &NoRam, request).unwrap();
            assert!(reply.unwrap_err().contains("no memory at"), "{request}");
        }
        assert!(answer(&mut session, &ram, "rst 512 0").unwrap().is_err());
    }

    #[test]
    fn snp_is_initialised_step_by_step() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        let mut ask =
            |request: &str| answer(&mut session, &ram, &format!("snp {request}")).unwrap();
        for (request, phase) in [
            ("shutdown legacy", "shut-down"),
            ("init-begin", "initialising"),
            ("init-end", "initialised"),
            ("shutdown full", "uninitialised"),
            ("prepare", "uninitialised"),
            ("init-begin", "initialising"),
            ("on", "initialised"),
            ("off-legacy", "shut-down"),
        ] {
            assert_eq!(ask(request), Ok(String::new()), "{request}");
            assert_eq!(ask("phase"), Ok(phase.into()), "{request}");
        }
        assert!(ask("init-end").is_err());
        assert_eq!(ask("off"), Ok(String::new()));
        assert_eq!(ask("show"), Ok("off".into()));
        assert!(ask("init-begin").is_err());
        assert!(ask("halfway").is_err());
    }

    #[test]
    fn the_firmware_processor_answers() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        let mut ask = |request: &str| answer(&mut session, &ram, request).unwrap();
        assert_eq!(
            ask("psp show"),
            Ok("snp=initialised sev=0 guests=0 unflushed=0".into())
        );
        assert_eq!(ask("psp guests"), Ok(String::new()));
        assert_eq!(ask("psp init_ms 5"), Ok(String::new()));
        assert_eq!(ask("fail snp-df-flush 0x13 1"), Ok(String::new()));
        assert!(ask("fail snp-df-flush 0x10000").is_err());
        assert!(ask("fail snp-nonsense 1").is_err());
        assert!(ask("fail rmpupdate 4 1 1").is_err());
        assert_eq!(ask("get psp.snp-df-flush"), Ok("0".into()));
        let done = session.machine.psp_command(&ram, 0x84, 0);
        assert_eq!(done, Ok(Answer::Now(Status(0x13))));
        assert_eq!(session.init, Duration::from_millis(5));
        assert_eq!(
            answer(&mut session, &ram, "get psp.snp-df-flush"),
            Ok(Ok("1".into()))
        );
    }

    #[test]
    fn an_unknown_counter_is_refused() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        let mut get = |path| answer(&mut session, &ram, &format!("get {path}")).unwrap();
        assert_eq!(get("rmpopt.by_region.3.verify"), Ok("0".into()));
        assert!(get("rmpopt.by_region.3.verfy").is_err());
    }

    #[test]
    fn time_without_durations_is_refused() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        let reply = answer(&mut session, &ram, "time model").unwrap();
        assert!(reply.unwrap_err().contains("time=model"));
        assert_eq!(answer(&mut session, &ram, "time none"), Ok(done()));
        assert_eq!(session.time(), None);
    }

    #[test]
    fn time_is_taken_away_and_given_back() {
        let ram = Ram::default();
        let durations = Durations {
            scan: Duration::from_micros(3),
            stored: Duration::from_micros(2),
            own: Duration::from_micros(1),
        };
        let mut session = Session::new(machine(Kind::Zen6, &ram), Some(durations), None);
        assert_eq!(session.time(), Some(durations));
        for (request, time) in [("time none", None), ("time model", Some(durations))] {
            assert_eq!(answer(&mut session, &ram, request), Ok(done()));
            assert_eq!(session.time(), time, "{request}");
        }
    }
}
