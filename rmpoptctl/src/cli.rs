// SPDX-License-Identifier: GPL-2.0

//! The command line: definitions only. Manual pages and completions are made of them.

use crate::{
    cmd::what_if,
    collect::{
        extent::{self, Extent},
        time,
    },
};
use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, time::Duration};

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something could not be read, written or understood; or doctor found a failure
  2  the command line is wrong
  3  the module is not loaded, or debugfs or configfs is not mounted
  4  no permission: the files are root's
  5  the value is refused

Environment:
  NO_COLOR  no colours, whatever the terminal";

/// Shows and steers RMPOPT on an SEV-SNP host.
///
/// Reads what the module rmpopt shows in debugfs and configfs, the same whether the module or the kernel owns
/// RMPOPT. Looking needs root, because debugfs is root's; doctor says what it can to anybody.
#[derive(Debug, Parser)]
#[command(name = "rmpoptctl", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Read a saved copy of the files below DIR instead of this machine's; nothing is written then
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print JSON, as described by rmpoptctl.schema.json
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        visible_alias = "color"
    )]
    pub colour: Colour,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One screen: processor, SNP, who owns RMPOPT, what is optimised, what is pending, warnings
    Status(Status),
    /// The same on a full screen, with map, rates, events and guests
    Watch(Watch),
    /// Print one setting, or all of them with the values that they can have
    Get(Get),
    /// Change settings; all are checked before the first is written
    Set(Set),
    /// A heat map: memory against the cores that skip its checks
    Map(Map),
    /// Write down again and again which memory is optimised, for replay and map --time
    Record(Record),
    /// Show a record on a full screen: memory against time, with zoom and scrolling
    Replay(Replay),
    /// Attempt all of memory, or a range
    Optimise(Optimise),
    /// The RMP entry of a page, or how the RMP is laid out and what it holds
    Rmp(Rmp),
    /// The guests that keep memory from being optimised
    Guests(Guests),
    /// Which memory is lost to how few pages of guests, and what moving them would win
    Advise(Advise),
    /// Measure what RMPOPT brings here: writes to memory that is optimised, and to memory that is not
    Gain(Gain),
    /// Check each precondition from the firmware's set-up to the module, and say what to do
    Doctor,
    /// Print metrics
    Export(Export),
    /// Write manual pages, completions and the JSON Schema below a folder
    #[command(hide = true)]
    Generate(Generate),
}

/// Arguments of `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// Draw the screen again and again, until interrupted
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two screens of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
}

/// Arguments of `watch`.
#[derive(Args, Debug)]
pub struct Watch {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub interval: u64,
}

/// Arguments of `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// The setting's name; without it all of them
    pub key: Option<String>,
}

/// Arguments of `set`.
#[derive(Args, Debug)]
pub struct Set {
    /// The settings and their new values
    #[arg(required = true, value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Check the values and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `map`.
#[derive(Args, Debug)]
pub struct Map {
    /// Draw memory against time, from a FILE that record has written
    #[arg(long, value_name = "FILE", conflicts_with = "by")]
    pub time: Option<PathBuf>,
    /// With --time: from this time after the record's beginning, as in 90s or 1.5h
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "time")]
    pub from: Option<Duration>,
    /// With --time: until this time after the record's beginning
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "time")]
    pub until: Option<Duration>,
    /// Memory of this NUMA node only
    #[arg(long, value_name = "NODE")]
    pub node: Option<u32>,
    /// Memory of this range only: START-END or START+SIZE, as in 64G-72G
    #[arg(long, value_name = "RANGE", value_parser = extent::parse)]
    pub range: Option<Extent>,
    /// What a row is; without it nodes where there are several
    #[arg(long)]
    pub by: Option<By>,
    /// Rows at most, of cores; with --time, of memory
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub rows: u16,
    /// Columns of the picture in the terminal
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u16).range(20..=1000))]
    pub width: u16,
    /// Print the cells for scripts, separated by tabs
    #[arg(long)]
    pub raw: bool,
    /// Write a picture to FILE instead
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write a page of its own with the picture to FILE instead
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What a row of the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The cores of a NUMA node
    Node,
    /// A core, or neighbours
    Core,
}

/// Arguments of `record`.
#[derive(Args, Debug)]
pub struct Record {
    /// The file; "-" is standard output
    pub file: PathBuf,
    /// Time between two looks, with one of ms, s, m, h behind it, as in 500ms; each look asks each core once
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::interval)]
    pub interval: Duration,
    /// End after this time; without it at Control-C or SIGTERM
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub duration: Option<Duration>,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// The file that record has written, or is writing
    pub file: PathBuf,
}

/// Arguments of `optimise`.
#[derive(Args, Debug)]
pub struct Optimise {
    /// Attempt what this range touches only: START-END or START+SIZE, as in 64G-72G
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub range: Option<String>,
    /// Wait until no pass is under way, with a bar on a terminal
    #[arg(long)]
    pub wait: bool,
}

/// Arguments of `rmp`.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Rmp {
    /// The entry of the page in which this physical address lies
    #[arg(value_parser = address)]
    pub address: Option<u64>,
    /// How the RMP is laid out
    #[arg(long)]
    pub segments: bool,
    /// What CPUID and the MSRs say
    #[arg(long)]
    pub config: bool,
    /// The assigned pages of each GiB; counts RMP entries
    #[arg(long)]
    pub occupancy: bool,
}

/// Arguments of `guests`.
#[derive(Args, Debug)]
pub struct Guests {
    /// Show all GiBs
    #[arg(long)]
    pub all: bool,
    /// Ask the RMP whose the pages are: the first one of each 2 MiB that guests may hold
    #[arg(long)]
    pub asids: bool,
}

/// Arguments of `advise`.
#[derive(Args, Debug)]
pub struct Advise {
    /// How many GiBs to name
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub top: usize,
    /// Reckon what would be free if the pages of these GiBs lay elsewhere on their nodes, as in --what-if=5,8-11;
    /// without GIBS, those that are named
    #[arg(
        long,
        value_name = "GIBS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = what_if::BEST,
        value_parser = what_if::parse
    )]
    pub what_if: Option<what_if::Which>,
}

/// Arguments of `gain`.
#[derive(Args, Debug)]
pub struct Gain {
    /// How much memory to take, with one of M, G behind it: more of it lies in more GiBs
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub size: u64,
    /// How often each kind of memory is written to
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// The CPU that writes
    #[arg(long, default_value_t = 0)]
    pub cpu: u32,
    /// Pages: the smaller ones miss the TLB more often, and the check comes with the miss
    #[arg(long, default_value = "4k")]
    pub pages: Pages,
}

/// Sizes of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pages {
    /// 4 KiB
    #[value(name = "4k")]
    Small,
    /// 2 MiB, where the kernel finds some
    #[value(name = "2m")]
    Huge,
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// For whom
    pub format: Format,
    /// Replace FILE at once, for node_exporter's textfile collector
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Answer a Prometheus that asks at HOST:PORT, at /metrics, until a signal comes; nobody has to log in there
    #[arg(long, value_name = "ADDRESS", conflicts_with = "output")]
    pub listen: Option<String>,
}

/// Formats of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Prometheus' text format
    Prometheus,
}

/// Arguments of `generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// The folder
    pub folder: PathBuf,
}

/// A range as it goes to the kernel.
fn range(text: &str) -> anyhow::Result<String> {
    extent::parse(text).map(|_| text.to_owned())
}

/// Memory for `gain`.
fn size(text: &str) -> anyhow::Result<u64> {
    let bytes = extent::bytes(text).filter(|bytes| (1 << 20..=1 << 40).contains(bytes));
    bytes.context("not from 1M to 1T")
}

/// A physical address: decimal, hexadecimal, or with K, M, G, T behind it.
fn address(text: &str) -> anyhow::Result<u64> {
    let address = extent::bytes(text).filter(|address| *address < 1 << 52);
    address.context("not a physical address of at most 52 bits")
}
