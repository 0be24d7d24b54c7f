// SPDX-License-Identifier: GPL-2.0

//! What came of the last attempt on a region, as its line keeps it.

use crate::sys::probe::RegionCounters;
use kernel::sync::atomic::Relaxed;

/// What came of the last attempt on a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// There was none.
    Never,
    /// It is under way, or no core could carry it out.
    Open,
    /// All cores that take part have it optimised.
    Optimised,
    /// It held an assigned page.
    Held,
    /// It was lost while cores were at it.
    Lost,
}

impl Fate {
    const ALL: [Self; 5] = [
        Self::Never,
        Self::Open,
        Self::Optimised,
        Self::Held,
        Self::Lost,
    ];

    pub(super) fn code(self) -> u32 {
        (0u32..)
            .zip(Self::ALL)
            .find_map(|(code, fate)| (fate == self).then_some(code))
            .unwrap_or(0)
    }

    pub(super) fn of(line: &RegionCounters) -> Self {
        let code = line.result.load(Relaxed) as usize;
        Self::ALL.get(code).copied().unwrap_or(Self::Never)
    }

    /// The name in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Open => "open",
            Self::Optimised => "optimised",
            Self::Held => "held",
            Self::Lost => "lost",
        }
    }
}
