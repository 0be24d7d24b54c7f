// SPDX-License-Identifier: GPL-2.0

//! The signals that ask the program to end, for subcommands that have something to put in order first.

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::signal_name,
};
use std::{
    cell::Cell,
    fs,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How long the program may take to end by itself, where something is done otherwise.
const GRACE: Duration = Duration::from_secs(1);

/// Tells whether the program was asked to end: by SIGHUP, SIGINT or SIGTERM.
pub struct Stop {
    asked: Receiver<i32>,
    by: Cell<Option<i32>>,
}

impl Stop {
    /// From here on the signals no longer end the program by themselves. One that was ignored when the program began
    /// stays ignored, as `nohup` wants it.
    ///
    /// # Errors
    ///
    /// The kernel refuses the handlers or the thread.
    pub fn catch() -> Result<Self> {
        Self::catch_or(None)
    }

    /// The same; `late` is called on a thread of its own where the program still runs a second after the signal.
    ///
    /// # Errors
    ///
    /// As [`Stop::catch`].
    pub fn catch_or(late: Option<fn()>) -> Result<Self> {
        let ignored = ignored();
        let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter();
        let wanted = wanted.filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(wanted).context("signals")?;
        let (tell, asked) = mpsc::channel();
        let listen = move || {
            for signal in signals.forever() {
                // Nobody listens any more: the program is about to end.
                let _ = tell.send(signal);
                if let Some(late) = late {
                    thread::sleep(GRACE);
                    late();
                }
            }
        };
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(listen).context("a thread for signals")?;
        let by = Cell::new(None);
        Ok(Self { asked, by })
    }

    /// Sleeps that long, or until the program is asked to end; by which signal.
    pub fn wait(&self, time: Duration) -> Option<i32> {
        if self.by.get().is_none() {
            match self.asked.recv_timeout(time) {
                Ok(signal) => self.by.set(Some(signal)),
                Err(RecvTimeoutError::Timeout) => (),
                // The thread does not end before the program.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(time),
            }
        }
        self.by.get()
    }

    /// The signal by which the program was asked to end.
    pub fn asked(&self) -> Option<i32> {
        self.wait(Duration::ZERO)
    }
}

/// `SIGTERM` and so on.
pub fn name(signal: i32) -> &'static str {
    signal_name(signal).unwrap_or("a signal")
}

/// The signals that this process ignores: bit N - 1 is signal N. None where the kernel does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
