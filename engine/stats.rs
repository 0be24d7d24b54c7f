// SPDX-License-Identifier: GPL-2.0

//! What passes did since the module was loaded.

use crate::sys::codec::coded;

coded! {
    /// Why there was a pass. The number is the code in tracepoints, the name that in files and in
    /// `sys/trace.h`.
    pub(crate) enum Reason {
        /// RMPOPT was switched on, or SNP has come on.
        Start = "start",
        /// Somebody wrote `action`.
        Request = "request",
        /// Somebody wrote `optimise`.
        Range = "range",
        /// Regions may have lost their last assigned page.
        GivenBack = "given-back",
        /// A check has found regions to attempt.
        Check = "check",
        /// All regions were reported, as conversions are not seen.
        Poll = "poll",
        /// CPUs or memory came or went, or a setting changed.
        Host = "host",
    }
}

/// Milliseconds, counted by powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: [u64; Self::BUCKETS],
}

impl Histogram {
    /// Below 1 ms, below 2, below 4, ...; the last one holds all that is longer.
    pub(crate) const BUCKETS: usize = 22;

    /// Adds a duration.
    pub(crate) fn add(&mut self, ms: u64) {
        let bucket = (u64::BITS.saturating_sub(ms.leading_zeros()) as usize).min(Self::BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// The counts, each with the duration that its bucket stays below; `None` for the last one.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let last = Self::BUCKETS - 1;
        let below = move |i| (i < last).then(|| 1u64 << i);
        self.counts
            .iter()
            .enumerate()
            .map(move |(i, n)| (below(i), *n))
    }
}

/// What one core did in a round or in a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTally {
    /// Attempts.
    pub(crate) attempted: u32,
    /// Attempts that left the region optimised.
    pub(crate) won: u32,
}

impl CoreTally {
    /// Counts an attempt.
    pub(crate) fn count(&mut self, won: bool) {
        self.attempted = self.attempted.saturating_add(1);
        if won {
            self.won = self.won.saturating_add(1);
        }
    }
}

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassOutcome {
    /// Regions that were attempted.
    pub(crate) attempted: u32,
    /// Regions that every core which takes part has optimised since.
    pub(crate) won: u32,
    /// Regions that held assigned pages.
    pub(crate) held: u32,
    /// Regions that a follower found held after a leader had found them free.
    pub(crate) raced: u32,
    /// Cores that executed RMPOPT.
    pub(crate) cores: u32,
    /// RMPOPT, on all cores.
    pub(crate) instructions: u64,
    /// Nanoseconds in which leaders were at work.
    pub(crate) leaders_ns: u64,
    /// Nanoseconds in which followers were at work.
    pub(crate) followers_ns: u64,
}

impl PassOutcome {
    /// Adds the RMPOPT that one core has executed.
    pub(crate) fn add_core(&mut self, instructions: u32) {
        self.cores = self.cores.saturating_add(u32::from(instructions != 0));
        self.instructions = self.instructions.saturating_add(instructions.into());
    }

    /// Attempts of leaders: each may have had to read the RMP.
    pub(crate) fn scans(&self) -> u32 {
        self.won
            .saturating_add(self.held)
            .saturating_add(self.raced)
    }
}

/// Sums over all passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    passes: [u64; Reason::ALL.len()],
    /// Regions attempted.
    pub(crate) attempted: u64,
    /// Regions won.
    pub(crate) won: u64,
    /// Regions that held assigned pages.
    pub(crate) held: u64,
    /// Regions that raced: see [`PassOutcome::raced`].
    pub(crate) raced: u64,
    /// Attempts of leaders.
    pub(crate) scans: u64,
    /// RMPOPT on all cores.
    pub(crate) instructions: u64,
    /// Nanoseconds in which leaders were at work.
    pub(crate) leaders_ns: u64,
    /// Nanoseconds in which followers were at work.
    pub(crate) followers_ns: u64,
    /// From the last conversion of a region to the end of the pass that won it.
    pub(crate) delays: Histogram,
    /// Counts that did not agree with what the processor said.
    pub(crate) corrections: u64,
    /// Regions that a check found missing on a core although no conversion was seen.
    pub(crate) missing: u64,
    /// Regions counted page by page, for those who read status.
    pub(crate) censuses: u64,
    /// Regions asked for in self-checks.
    pub(crate) self_checks: u64,
    /// Checks, with or without probes.
    pub(crate) checks: u64,
    /// Looks that found regions optimised by the kernel's own passes.
    pub(crate) native_passes: u64,
    /// Regions that these have optimised.
    pub(crate) native_won: u64,
}

impl Stats {
    /// A pass has ended.
    pub(crate) fn add(&mut self, reason: Reason, outcome: &PassOutcome) {
        if let Some(passes) = self.passes.get_mut(reason.code() as usize) {
            *passes = passes.saturating_add(1);
        }
        let sums = [
            (&mut self.attempted, u64::from(outcome.attempted)),
            (&mut self.won, u64::from(outcome.won)),
            (&mut self.held, u64::from(outcome.held)),
            (&mut self.raced, u64::from(outcome.raced)),
            (&mut self.scans, u64::from(outcome.scans())),
            (&mut self.instructions, outcome.instructions),
            (&mut self.leaders_ns, outcome.leaders_ns),
            (&mut self.followers_ns, outcome.followers_ns),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
    }

    /// The number of passes for a reason.
    pub(crate) fn passes(&self, reason: Reason) -> u64 {
        self.passes
            .get(reason.code() as usize)
            .copied()
            .unwrap_or(0)
    }
}
