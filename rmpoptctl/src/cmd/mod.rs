// SPDX-License-Identifier: GPL-2.0

//! The subcommands, one file each: what to collect, what follows from it, what to show.

pub mod advise;
pub mod columns;
pub mod doctor;
pub mod export;
pub mod gain;
pub mod generate;
pub mod get;
pub mod guests;
pub mod map;
pub mod optimise;
pub mod record;
pub mod replay;
pub mod rmp;
mod screen;
mod serve;
pub mod set;
pub mod status;
pub mod timeline;
pub mod watch;
pub mod what_if;

use crate::{
    cli::{Cli, Command},
    collect::Root,
    exit::Code,
    output::Output,
};
use anyhow::Result;

/// Carries out the command line.
///
/// # Errors
///
/// What went wrong, with an exit code: see [`crate::exit`].
pub fn run(arguments: Cli) -> Result<Code> {
    let root = Root::new(arguments.root.as_deref())?;
    let output = Output::new(arguments.json, arguments.colour);
    match arguments.command {
        Command::Status(arguments) => status::run(&root, &output, &arguments),
        Command::Watch(arguments) => watch::run(&root, &output, &arguments),
        Command::Get(arguments) => get::run(&root, &output, &arguments),
        Command::Set(arguments) => set::run(&root, &output, &arguments),
        Command::Map(arguments) => map::run(&root, &output, &arguments),
        Command::Record(arguments) => record::run(&root, &output, &arguments),
        Command::Replay(arguments) => replay::run(&output, &arguments),
        Command::Optimise(arguments) => optimise::run(&root, &output, &arguments),
        Command::Rmp(arguments) => rmp::run(&root, &output, &arguments),
        Command::Guests(arguments) => guests::run(&root, &output, &arguments),
        Command::Advise(arguments) => advise::run(&root, &output, &arguments),
        Command::Gain(arguments) => gain::run(&root, &output, &arguments),
        Command::Doctor => doctor::run(&root, &output),
        Command::Export(arguments) => export::run(&root, &output, &arguments),
        Command::Generate(arguments) => generate::run(&arguments),
    }
}
