// SPDX-License-Identifier: GPL-2.0

//! The test port: requests by which the guest reads and changes its own hardware. README.md lists them.
//!
//! Each group of requests has a file. The requests in `query` read, those in `change` do what the firmware or the
//! platform may do to a host, and those in `inject` break it. `text` parses and prints requests and replies.

mod change;
mod inject;
mod query;
#[cfg(test)]
mod tests;
mod text;

use crate::guest::{Cpu, Guest, RAX, RBX, RCX, RDI, RSI};
use crate::header::{self, EMU_H};
use crate::model::addr::{index, number};
use crate::model::Fatal;
use crate::session::Session;

/// The value of ECX after a request, by which a caller knows that there is a port.
const THERE: u64 = header::number(EMU_H, "EMU_THERE");
/// The limit of a request's length, exclusive.
const MAX_REQUEST: u64 = header::number(EMU_H, "EMU_MAX_REQUEST");

/// The result of a request: the reply, or the reason why it was refused.
type Reply = Result<String, String>;
/// The answer of a group of requests: `None` where the request belongs to another group.
type Answer = Result<Option<Reply>, Fatal>;
type Group = fn(&mut Session, &dyn Guest, &[&str]) -> Answer;

const GROUPS: [Group; 3] = [query::answer, change::answer, inject::answer];

/// Carries out the request in the vCPU's registers.
pub fn serve(session: &mut Session, cpu: &dyn Cpu) -> Result<(), Fatal> {
    let request = read_text(cpu, cpu.register(RBX));
    let mut reply = match request {
        Some(text) => answer(session, cpu.guest(), &text)?,
        None => Err("the request cannot be read".into()),
    };
    let (buffer, size) = (cpu.register(RSI), cpu.register(RDI));
    if let Ok(text) = &reply {
        if number(text.len()) > size {
            reply = Err(format!("the reply needs {} bytes", text.len()));
        }
    }
    let (code, text) = match &reply {
        Ok(text) => (0, text),
        Err(text) => (1, text),
    };
    let length = text.len().min(index(size));
    let bytes = text.as_bytes().get(..length).unwrap_or_default();
    if length > 0 && !cpu.write_virtual(buffer, bytes) {
        return Err(Fatal(format!(
            "a reply to {buffer:#x}, which is not mapped"
        )));
    }
    cpu.set_register(RAX, code);
    cpu.set_register(RBX, number(length));
    cpu.set_register(RCX, THERE);
    Ok(())
}

/// Reads text up to a NUL, 64 bytes at a time: the page after the request may not be mapped.
fn read_text(cpu: &dyn Cpu, va: u64) -> Option<String> {
    let mut text = Vec::new();
    let mut at = va;
    while number(text.len()) < MAX_REQUEST {
        let mut part = vec![0; index(64 - at % 64)];
        if !cpu.read_virtual(at, &mut part) {
            return None;
        }
        if let Some(end) = part.iter().position(|b| *b == 0) {
            part.truncate(end);
            text.extend(part);
            return String::from_utf8(text).ok();
        }
        at = at.wrapping_add(number(part.len()));
        text.extend(part);
    }
    None
}

/// Answers one request.
fn answer(session: &mut Session, guest: &dyn Guest, request: &str) -> Result<Reply, Fatal> {
    let words: Vec<&str> = request.split_whitespace().collect();
    for group in GROUPS {
        if let Some(reply) = group(session, guest, &words)? {
            return Ok(reply);
        }
    }
    Ok(Err(format!("not a request: {request}")))
}

/// The empty reply of a request that was carried out.
fn done() -> Reply {
    Ok(String::new())
}
