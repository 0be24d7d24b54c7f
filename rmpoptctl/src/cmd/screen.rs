// SPDX-License-Identifier: GPL-2.0

//! What the full-screen subcommands share: the terminal, its keys, and its state afterwards.

use crate::{
    exit::{Code, Failure},
    output::Output,
    signals::Stop,
};
use anyhow::{Context, Result};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::{
    io::{self, IsTerminal},
    process,
    time::{Duration, Instant},
};

/// The terminal is asked for keys at least this often, so that signals are seen.
const SLICE: Duration = Duration::from_millis(250);
const SIGHUP: i32 = signal_hook::consts::SIGHUP;

/// What happened.
pub enum Next {
    /// q, Escape, Control-C, or a signal: the screen is to go.
    End,
    /// Another key.
    Key(KeyCode),
    /// The terminal has another size, or there was something of no meaning.
    Other,
    /// The time is over.
    Due,
}

/// Ends early where there is no terminal to fill.
///
/// # Errors
///
/// There is none, or JSON is wanted; `instead` says what prints once.
pub fn require(output: &Output, name: &str, instead: &str) -> Result<()> {
    if output.json || !io::stdout().is_terminal() {
        let text = format!("{name} needs a terminal; {instead}");
        return Err(Failure::error(Code::Failed, text));
    }
    Ok(())
}

/// Lends the terminal. Afterwards it is as it was, however the screen ended: by a key, an error or a signal.
///
/// # Errors
///
/// The terminal does not do what it should; or what `show` says.
pub fn lend(show: impl FnOnce(&mut ratatui::DefaultTerminal, &Stop) -> Result<()>) -> Result<Code> {
    let stop = Stop::catch_or(Some(late))?;
    let mut terminal = ratatui::try_init().context("the terminal")?;
    let shown = show(&mut terminal, &stop);
    let restored = ratatui::try_restore().context("the terminal");
    // A terminal that was closed takes nothing any more, and nobody is left to be told.
    if stop.asked() == Some(SIGHUP) {
        return Ok(Code::Done);
    }
    restored?;
    shown.map(|()| Code::Done)
}

/// crossterm reads from a terminal that was closed for ever, without asking for the time.
fn late() {
    let _ = ratatui::try_restore();
    process::exit(0);
}

/// Waits for a key, at most so long.
///
/// # Errors
///
/// The terminal cannot be read.
pub fn next(stop: &Stop, wait: Duration) -> Result<Next> {
    let began = Instant::now();
    loop {
        if stop.asked().is_some() {
            return Ok(Next::End);
        }
        let left = wait.saturating_sub(began.elapsed());
        if !event::poll(left.min(SLICE))? {
            if left <= SLICE {
                return Ok(Next::Due);
            }
            continue;
        }
        return Ok(match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => {
                let control = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => Next::End,
                    KeyCode::Char('c') if control => Next::End,
                    code => Next::Key(code),
                }
            }
            _ => Next::Other,
        });
    }
}
