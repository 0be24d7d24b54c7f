// SPDX-License-Identifier: GPL-2.0

//! Requests that change the host as its firmware, the platform or a guest may.

use super::text::entry;
use super::{done, Answer, Reply};
use crate::guest::Guest;
use crate::model::{Fatal, Machine, MsrAccess, Phase};
use crate::options::number;
use crate::session::Session;
use std::time::Duration;

/// The words that may follow `snp`.
const SNP: &str =
    "snp on, off, off-legacy, prepare, init-begin, init-end, shutdown legacy, shutdown full, show or phase";

/// Answers a request that changes the host.
pub(super) fn answer(session: &mut Session, guest: &dyn Guest, words: &[&str]) -> Answer {
    let machine = &mut session.machine;
    Ok(Some(match words {
        ["forget"] => {
            machine.forget();
            done()
        }
        ["set-entry", pa, fields @ ..] => match number(pa).and_then(|pa| entry(pa, fields)) {
            Ok((pa, entry)) => {
                machine.set_entry(guest.memory(), pa, entry)?;
                done()
            }
            Err(e) => Err(e),
        },
        ["snp", how @ ..] => snp(machine, guest, how)?,
        ["base", "all", value] => number(value).and_then(|value| {
            (0..machine.cores()).try_fold(String::new(), |_, core| set_base(machine, core, value))
        }),
        ["base", core, value] => number(core)
            .and_then(|core| number(value).and_then(|value| set_base(machine, core, value))),
        ["switch", name, value] => match machine.switches().set(name, value) {
            Some(result) => result.map(|()| String::new()),
            None => Err(format!("there is no switch {name}")),
        },
        ["time", how @ ("none" | "model")] => {
            session.set_timed(*how == "model").map(|()| String::new())
        }
        ["psp", "init_ms", value] => number(value).map(|ms| {
            session.init = Duration::from_millis(ms);
            String::new()
        }),
        _ => return Ok(None),
    }))
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
        _ => return Ok(Err(SNP.into())),
    }
    Ok(done())
}

fn set_base(machine: &mut Machine, core: u64, value: u64) -> Reply {
    match machine.write_base(core, value) {
        MsrAccess::Done(_) => done(),
        _ => Err("refused, as WRMSR would be".into()),
    }
}
