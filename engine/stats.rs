// SPDX-License-Identifier: GPL-2.0

//! What passes did since the module was loaded.

use crate::sys::codec::coded;

coded! {
    /// Why there was a pass. Tracepoints carry the number as a code; files and `sys/trace.h` use the name.
    pub(crate) enum Reason {
        /// RMPOPT or SNP was switched on.
        Start = "start",
        /// Somebody wrote `action`.
        Request = "request",
        /// Somebody wrote `optimise`.
        Range = "range",
        /// Regions may have lost their last assigned page.
        GivenBack = "given-back",
        /// A check has found regions to attempt.
        Check = "check",
        /// A check without probes, which attempts every region that may have changed unseen.
        Poll = "poll",
        /// CPUs or memory were added or removed, or a setting changed.
        Host = "host",
    }
}

/// Milliseconds, counted by powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: [u64; Self::BUCKETS],
}

impl Histogram {
    /// The buckets hold durations below 1 ms, below 2 ms, below 4 ms and so on; the last bucket holds all longer
    /// ones.
    pub(crate) const BUCKETS: usize = 22;

    /// Adds a duration.
    pub(crate) fn add(&mut self, ms: u64) {
        let bucket = (u64::BITS.saturating_sub(ms.leading_zeros()) as usize).min(Self::BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// The counts, each with the upper bound of its bucket in milliseconds (exclusive); `None` for the last
    /// bucket.
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
    /// Attempted regions that every participating core has optimised at the end of the pass.
    pub(crate) won: u32,
    /// Regions that held assigned pages.
    pub(crate) held: u32,
    /// Regions that a follower found held after a leader had found them free.
    pub(crate) raced: u32,
    /// Cores that executed RMPOPT.
    pub(crate) cores: u32,
    /// RMPOPT instructions executed on all cores.
    pub(crate) instructions: u64,
    /// Nanoseconds in which leaders were at work.
    pub(crate) leaders_ns: u64,
    /// Nanoseconds in which followers were at work.
    pub(crate) followers_ns: u64,
}

impl PassOutcome {
    /// Adds the number of RMPOPT instructions that one core has executed.
    pub(crate) fn add_core(&mut self, instructions: u32) {
        self.cores = self.cores.saturating_add(u32::from(instructions != 0));
        self.instructions = self.instructions.saturating_add(instructions.into());
    }

    /// The number of regions that leaders attempted. The processor may have scanned the RMP for each.
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
    /// RMPOPT instructions executed on all cores.
    pub(crate) instructions: u64,
    /// Nanoseconds in which leaders were at work.
    pub(crate) leaders_ns: u64,
    /// Nanoseconds in which followers were at work.
    pub(crate) followers_ns: u64,
    /// The times from the last conversion of a region to the end of the pass that won it.
    pub(crate) delays: Histogram,
    /// Counts of assigned pages that contradicted the processor's answer and were corrected.
    pub(crate) corrections: u64,
    /// Regions that a check found missing on a core although the probes had counted no conversion.
    pub(crate) missing: u64,
    /// Regions whose assigned pages were counted because somebody read status.
    pub(crate) censuses: u64,
    /// Regions that the thread asked its own core for in self-checks.
    pub(crate) self_checks: u64,
    /// Checks, with or without probes.
    pub(crate) checks: u64,
    /// How often the thread found regions that the kernel's own passes had newly optimised.
    pub(crate) native_passes: u64,
    /// Regions that the kernel's own passes have optimised.
    pub(crate) native_won: u64,
}

impl Stats {
    /// Adds the outcome of a pass that has ended.
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
