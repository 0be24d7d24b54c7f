// SPDX-License-Identifier: GPL-2.0

//! Requests that break the host: its cores, registers and segment table, and requests that make instructions and
//! commands fail.

use super::text::of_core;
use super::{done, Answer, Reply};
use crate::guest::Guest;
use crate::model::layout::RST_ENTRIES;
use crate::model::psp::Command;
use crate::model::switches::CoreFault;
use crate::model::{addr, is_ours, Fatal, Injected, Machine};
use crate::options::number;
use crate::session::Session;

/// Answers a request that breaks the host or repairs it.
pub(super) fn answer(session: &mut Session, guest: &dyn Guest, words: &[&str]) -> Answer {
    let machine = &mut session.machine;
    Ok(Some(match words {
        ["fault", core, how] => fault(machine, core, how),
        ["msr", msr, "default"] => override_msr(machine, msr, None),
        ["msr", msr, value] => override_msr(machine, msr, Some(value)),
        ["rst", "restore"] => {
            let written = machine.write_segment_table(guest.memory());
            written.map(|()| String::new()).map_err(|Fatal(what)| what)
        }
        ["rst", index, value] => write_segment(machine, guest, index, value),
        ["fail", which, code] => fail(machine, which, code, "1"),
        ["fail", which, code, count] => fail(machine, which, code, count),
        ["provoke", "missed-clear"] => {
            machine.miss_next_clear();
            done()
        }
        _ => return Ok(None),
    }))
}

fn fault(machine: &mut Machine, core: &str, how: &str) -> Reply {
    let fault = CoreFault::parse(how)?;
    of_core(core, |core| {
        machine.break_core(core, fault).then(String::new)
    })
}

/// From now on RDMSR returns `value`; `None`: the machine's own value again.
fn override_msr(machine: &mut Machine, msr: &str, value: Option<&str>) -> Reply {
    let ours = |msr: u64| u32::try_from(msr).ok().filter(|msr| is_ours(*msr));
    let msr = number(msr)?;
    let known = ours(msr).ok_or_else(|| format!("{msr:#x} is none of the MSRs here"))?;
    machine.override_msr(known, value.map(number).transpose()?);
    done()
}

/// Writes an entry of the segment table in memory.
fn write_segment(machine: &Machine, guest: &dyn Guest, index: &str, value: &str) -> Reply {
    let (index, value) = (number(index)?, number(value)?);
    if index >= addr::number(RST_ENTRIES) {
        return Err(format!("the segment table has {RST_ENTRIES} entries"));
    }
    let place = machine.layout().segment_table_address() + index * 8;
    if guest.write(place, &value.to_le_bytes()) {
        done()
    } else {
        Err(format!("there is no memory at {place:#x}"))
    }
}

/// Makes the next `count` executions of an instruction or a command return `code` and do nothing.
fn fail(machine: &mut Machine, which: &str, code: &str, count: &str) -> Reply {
    let (code, count) = (number(code)?, number(count)?);
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
