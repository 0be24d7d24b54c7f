// SPDX-License-Identifier: GPL-2.0

//! `gain`: what RMPOPT brings on this machine: writes into memory that is optimised on a CPU, and into memory that is not.
//!
//! Only memory of this process is written. Which of it is optimised is found, not made: the module has no control that
//! holds a region back, and the RMP is not touched.

use crate::{
    cli,
    collect::{list::List, placed, table, Root},
    exit::{Code, Failure},
    output::{Data, Output},
    show,
};
use anyhow::{Context, Result};
use rustix::process::{sched_setaffinity, CpuSet};
use schemars::JsonSchema;
use serde::Serialize;
use std::{hint::black_box, time::Instant};

/// What was measured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The processor is emulated or virtual: the times say nothing about RMPOPT.
    pub emulated: bool,
    /// The CPU that wrote.
    pub cpu: u32,
    /// Bytes of a page that were asked for.
    pub page_bytes: u64,
    /// Rounds, each with both kinds of memory.
    pub rounds: u64,
    /// Memory that is optimised on the CPU.
    pub optimised: Class,
    /// Memory that is not.
    pub other: Class,
    /// Pages that lay elsewhere afterwards, or that changed from one kind to the other: they spoil the result.
    pub moved: u64,
}

/// A kind of memory.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Class {
    /// The GiBs in which the pages lie.
    pub gibs: List,
    /// 4 KiB pages that were written to; the same number of both kinds.
    pub pages: u64,
    /// Writes to all lines of the pages, in order; none where there are no pages.
    pub streaming: Option<Spread>,
    /// Writes to lines at random.
    pub random: Option<Spread>,
}

/// Picoseconds of a write, over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// The middle one.
    pub median_ps: u64,
    /// The least.
    pub least_ps: u64,
    /// The most.
    pub most_ps: u64,
}

/// Bytes of a cache line, and lines of a page.
const LINE: usize = 64;
const LINES: usize = placed::PAGE / LINE;
/// Random writes for each page.
const RANDOM: usize = 16;

/// Measures, and says what it means.
///
/// # Errors
///
/// A saved copy is no machine; the CPU is none; there is no memory; only root may know where memory lies.
pub fn run(root: &Root, output: &Output, arguments: &cli::Gain) -> Result<Code> {
    if root.saved() {
        let text = "gain measures this machine: not with --root";
        return Err(Failure::error(Code::Refused, text));
    }
    root.require_module()?;
    let cpu = arguments.cpu;
    let mut set = CpuSet::new();
    let at = usize::try_from(cpu)?;
    if at >= CpuSet::MAX_CPU {
        return Err(Failure::error(
            Code::Refused,
            format!("CPU {cpu}: there is none"),
        ));
    }
    set.set(at);
    sched_setaffinity(None, &set).with_context(|| format!("CPU {cpu}"))?;
    let pages = usize::try_from(arguments.size)? / placed::PAGE;
    let huge = arguments.pages == cli::Pages::Huge;
    let mut map = placed::map(pages, huge)?;
    let before = kinds(&placed::gibs(&map)?, &table::read(root)?, cpu);
    let (with, without) = groups(&before);
    let mut times: [Vec<u64>; 4] = Default::default();
    for round in 0..arguments.rounds {
        let [a, b, c, d] = &mut times;
        let mut both = [(&with, a, b), (&without, c, d)];
        // Whatever heats up or slows down meanwhile meets both kinds alike.
        if round % 2 == 1 {
            both.reverse();
        }
        for (group, streaming, random) in both.iter_mut().filter(|(group, ..)| !group.is_empty()) {
            streaming.push(timed(|| stream(&mut map, group)));
            random.push(timed(|| scatter(&mut map, group, u64::from(round))));
        }
    }
    let after = kinds(&placed::gibs(&map)?, &table::read(root)?, cpu);
    let moved = with.iter().chain(&without);
    let moved = moved.filter(|page| before.get(**page) != after.get(**page));
    let [a, b, c, d] = times;
    let class = |group: &[usize], streaming, random| Class {
        gibs: where_in(group, &before),
        pages: count(group.len()),
        streaming: spread(streaming),
        random: spread(random),
    };
    let report = Report {
        emulated: emulated(root)?,
        cpu,
        page_bytes: if huge { 2 << 20 } else { 4096 },
        rounds: u64::from(arguments.rounds),
        optimised: class(&with, a, b),
        other: class(&without, c, d),
        moved: count(moved.count()),
    };
    let text = show::gain::text(&report);
    output.print(Data::Gain(report), |_| text)?;
    Ok(Code::Done)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Whether the machine is one of software. The emulated host hides the processor's flag, not its maker's name.
fn emulated(root: &Root) -> Result<bool> {
    let maker = root.word("sys/class/dmi/id/sys_vendor");
    Ok(of_software(&root.text("proc/cpuinfo")?, maker.as_deref()))
}

fn of_software(cpuinfo: &str, maker: Option<&str>) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    let flag = flags.is_some_and(|line| line.split_whitespace().any(|flag| flag == "hypervisor"));
    flag || maker.is_some_and(|maker| maker.contains("QEMU"))
}

/// A page's GiB, and whether that is optimised on the CPU.
type Kind = Option<(u32, bool)>;

fn kinds(gibs: &[Option<u32>], table: &[table::Line], cpu: u32) -> Vec<Kind> {
    let kind = |gib: u32| {
        let at = table.binary_search_by_key(&gib, |line| line.gib).ok()?;
        table.get(at).map(|line| (gib, line.cpus.contains(cpu)))
    };
    gibs.iter().map(|gib| gib.and_then(kind)).collect()
}

/// The pages of both kinds, as many of each where there are both, so that caches and TLBs are as full.
fn groups(kinds: &[Kind]) -> (Vec<usize>, Vec<usize>) {
    let pages = |wanted: bool| -> Vec<usize> {
        let pages = kinds.iter().enumerate();
        let pages = pages.filter(|(_, kind)| kind.is_some_and(|(_, on)| on == wanted));
        pages.map(|(page, _)| page).collect()
    };
    let (mut with, mut without) = (pages(true), pages(false));
    let least = with.len().min(without.len());
    if least != 0 {
        with.truncate(least);
        without.truncate(least);
    }
    (with, without)
}

fn where_in(group: &[usize], kinds: &[Kind]) -> List {
    let gibs = group
        .iter()
        .filter_map(|page| kinds.get(*page).copied().flatten());
    let mut gibs: Vec<u32> = gibs.map(|(gib, _)| gib).collect();
    gibs.sort_unstable();
    gibs.dedup();
    List::of(gibs)
}

/// Picoseconds for each of the writes that were made.
fn timed(write: impl FnOnce() -> u64) -> u64 {
    let began = Instant::now();
    let writes = write();
    let ps = began.elapsed().as_nanos().saturating_mul(1000);
    u64::try_from(ps / u128::from(writes.max(1))).unwrap_or(u64::MAX)
}

/// One write to each line of the pages; how many.
fn stream(map: &mut [u8], pages: &[usize]) -> u64 {
    let mut writes = 0;
    for page in pages {
        let from = page * placed::PAGE;
        let Some(page) = map.get_mut(from..from + placed::PAGE) else {
            continue;
        };
        for byte in page.iter_mut().step_by(LINE) {
            *byte = byte.wrapping_add(1);
            writes += 1;
        }
    }
    black_box(map);
    writes
}

/// Writes to lines at random; how many.
fn scatter(map: &mut [u8], pages: &[usize], seed: u64) -> u64 {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 20).unwrap_or(0) % below.max(1)
    };
    let mut writes = 0;
    for _ in 0..pages.len() * RANDOM {
        let (page, line) = (next(pages.len()), next(LINES));
        let Some(page) = pages.get(page) else {
            continue;
        };
        if let Some(byte) = map.get_mut(page * placed::PAGE + line * LINE) {
            *byte = byte.wrapping_add(1);
            writes += 1;
        }
    }
    black_box(map);
    writes
}

fn spread(mut times: Vec<u64>) -> Option<Spread> {
    times.sort_unstable();
    Some(Spread {
        median_ps: *times.get(times.len() / 2)?,
        least_ps: *times.first()?,
        most_ps: *times.last()?,
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by it")]
mod tests {
    use super::{groups, kinds, of_software, scatter, spread, stream, where_in, Spread};
    use crate::collect::{list::List, placed::PAGE, table::Line};

    /// On CPU 1 GiB 4 is optimised and GiB 5 is not; GiB 6 is not in the table.
    #[test]
    fn pages_are_told_apart_by_the_table() {
        let line = |gib, cpus: [u32; 2]| Line {
            gib,
            cpus: List::of(cpus),
            note: None,
        };
        let table = [line(4, [0, 1]), line(5, [2, 3])];
        let gibs = [Some(4), Some(5), None, Some(4), Some(6), Some(4)];
        let found = kinds(&gibs, &table, 1);
        let (with, without) = groups(&found);
        assert_eq!((with.as_slice(), without.as_slice()), (&[0][..], &[1][..]));
        assert_eq!(where_in(&with, &found).to_string(), "4");
        // Without any of the other kind all are taken.
        let (with, without) = groups(&kinds(&gibs, &table[..1], 1));
        assert_eq!((with.as_slice(), without.len()), (&[0, 3, 5][..], 0));
    }

    /// Writes reach all lines of the pages that are meant, and no other page.
    #[test]
    fn only_the_pages_that_are_meant() {
        let mut memory = vec![0; 4 * PAGE];
        assert_eq!(stream(&mut memory, &[1, 3]), 128);
        let written = |memory: &[u8], page: usize| {
            let page = &memory[page * PAGE..][..PAGE];
            page.iter().step_by(64).filter(|byte| **byte != 0).count()
        };
        assert_eq!(
            [0, 1, 2, 3].map(|page| written(&memory, page)),
            [0, 64, 0, 64]
        );
        let mut memory = vec![0; 4 * PAGE];
        assert_eq!(scatter(&mut memory, &[0, 2], 5), 32);
        let lines = [0, 1, 2, 3].map(|page| written(&memory, page));
        assert!(lines[0] > 4 && lines[2] > 4, "{lines:?}");
        assert_eq!((lines[1], lines[3]), (0, 0));
    }

    #[test]
    fn machines_of_software_are_known() {
        let real = "processor\t: 0\nflags\t\t: fpu svm sev_snp\n";
        assert!(!of_software(real, None));
        assert!(!of_software(real, Some("Supermicro")));
        assert!(of_software(real, Some("QEMU")));
        assert!(of_software("flags\t\t: fpu hypervisor\n", None));
    }

    #[test]
    fn spreads_are_of_the_rounds() {
        let wanted = Spread {
            median_ps: 5,
            least_ps: 1,
            most_ps: 90,
        };
        assert_eq!(spread(vec![90, 1, 5]), Some(wanted));
        assert_eq!(spread(vec![]), None);
    }
}
