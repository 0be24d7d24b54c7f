// SPDX-License-Identifier: GPL-2.0

//! `export prometheus --listen`: metrics for a Prometheus that asks for them. Each scrape reads the files once.

use crate::{collect::Root, exit::Code, show, signals::Stop};
use anyhow::{anyhow, Context, Result};
use std::{
    io::{self, Write},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread,
    time::Duration,
};
use tiny_http::{Header, Method, Request, Response, Server};

/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PAGE: &str = "text/html; charset=utf-8";
/// What is at `/`.
const FRONT: &str = "<!DOCTYPE html>\n<html lang=\"en\"><title>rmpoptctl</title><h1>rmpoptctl</h1>\
<p><a href=\"/metrics\">Metrics</a></p></html>\n";
/// How long the signals are waited for at once; a signal ends the wait.
const WAIT: Duration = Duration::from_secs(3600);

/// Serves metrics at `/metrics` until a signal comes. What is asked for then is answered.
///
/// # Errors
///
/// The address is none or is taken.
pub fn run(root: &Root, address: &str) -> Result<Code> {
    let stop = Stop::catch()?;
    // It says so in words: the error is of no kind that could be told apart.
    let server = Server::http(address).map_err(|e| anyhow!("--listen {address}: {e}"))?;
    let server = Arc::new(server);
    let place = server.server_addr();
    // A supervisor's log has it; nobody needs it.
    let _ = writeln!(io::stderr(), "metrics at http://{place}/metrics");
    let ended = Arc::new(AtomicBool::new(false));
    let (waker, flag) = (Arc::clone(&server), Arc::clone(&ended));
    let wait = move || {
        while stop.wait(WAIT).is_none() {}
        flag.store(true, Ordering::SeqCst);
        waker.unblock();
    };
    let thread = thread::Builder::new().name("stop".to_owned());
    thread.spawn(wait).context("a thread for the end")?;
    loop {
        match server.recv() {
            Ok(request) => answer(root, request),
            Err(_) if ended.load(Ordering::SeqCst) => return Ok(Code::Done),
            Err(e) => return Err(e).with_context(|| format!("--listen {address}")),
        }
    }
}

/// One request. Whoever asked may be gone: that is no error.
fn answer(root: &Root, request: Request) {
    let get = matches!(request.method(), Method::Get | Method::Head);
    let path = request.url().split('?').next().unwrap_or_default();
    let (code, kind, text) = match (get, path) {
        (false, _) => (405, METRICS, "only GET\n".to_owned()),
        (true, "/") => (200, PAGE, FRONT.to_owned()),
        (true, "/metrics") => match super::status::collect(root) {
            Ok(report) => (200, METRICS, show::prometheus::text(&report)),
            Err(e) => (500, METRICS, format!("{e:#}\n")),
        },
        (true, _) => (404, METRICS, "only /metrics\n".to_owned()),
    };
    let mut response = Response::from_string(text).with_status_code(code);
    if let Ok(header) = Header::from_bytes("Content-Type", kind) {
        response.add_header(header);
    }
    let _ = request.respond(response);
}
