// SPDX-License-Identifier: GPL-2.0

//! What is known of each region, and what its RMP entries say.

use super::occupancy::Occupancy;
use crate::{
    engine::{
        census::count::{
            AssignedPages,
            Depth,
            Held, //
        },
        control::Control,
        dirty::{
            result::AttemptResult,
            tracker::Pages,
            Known, //
        },
        pass::survey::Survey, //
    },
    sev::addr::Region, //
};
use kernel::prelude::*;

/// What a region is at this moment, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegionState {
    /// It holds assigned pages.
    Held,
    /// Its last assigned page may be gone: it is attempted soon.
    Queued,
    /// The cores that take part have it optimised.
    Optimised,
    /// It was not verified yet.
    Open,
}

impl RegionState {
    /// The name in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Optimised => "optimised",
            Self::Open => "open",
        }
    }

    /// The state of the region at a place. While SNP is being initialised, which clears the cores' tables,
    /// nothing is optimised.
    fn of(survey: &Survey, place: usize, known: &Known, ready: bool) -> Self {
        match known.word.pages() {
            Pages::Known(1..) => Self::Held,
            _ if known.dirty => Self::Queued,
            _ if survey.sets.free().test(place) && ready => Self::Optimised,
            _ if survey.sets.held().test(place) => Self::Held,
            _ => Self::Open,
        }
    }
}

/// A region, as the file `regions` shows it.
pub(crate) struct RegionView {
    /// Which GiB.
    pub(crate) region: Region,
    /// What it is.
    pub(crate) state: RegionState,
    /// Assigned pages, as counted from conversions.
    pub(crate) counted: Pages,
    /// Assigned pages, as its entries say. `None` where they cannot be read.
    pub(crate) assigned: Option<AssignedPages>,
    /// Milliseconds since the last conversion.
    pub(crate) converted: Option<u64>,
    /// Milliseconds since the last attempt.
    pub(crate) attempted: Option<u64>,
    /// What the last attempt brought.
    pub(crate) result: AttemptResult,
}

/// Calls `each` with every region that has RAM and counters, ascending. May sleep.
///
/// # Errors
///
/// As [`count`], and what `each` returned.
pub(crate) fn for_each(control: &Control, mut each: impl FnMut(&RegionView) -> Result) -> Result {
    let survey = control.survey();
    let mut occupancy = Occupancy::new(&control.found).ok();
    let ready = control.snp_ready();
    for (place, ram) in survey.topology.ram.iter().enumerate() {
        let region = ram.region;
        let Some(mut known) = control.dirty.region(region) else {
            continue;
        };
        let assigned = match &mut occupancy {
            // An optimised region has no assigned pages: there is nothing to count.
            _ if known.optimised && ready => Some(AssignedPages::default()),
            None => None,
            Some(occupancy) => {
                let (pages, _) = count(control, occupancy, region)?;
                known = control.dirty.region(region).unwrap_or(known);
                Some(pages)
            }
        };
        each(&RegionView {
            region,
            state: RegionState::of(&survey, place, &known, ready),
            counted: known.word.pages(),
            assigned,
            converted: known.converted,
            attempted: known.attempted,
            result: known.result,
        })?;
    }
    Ok(())
}

/// Counts the assigned pages of a region, and remembers what came out. May sleep.
///
/// # Errors
///
/// As [`crate::engine::census::census`].
pub(crate) fn count(
    control: &Control,
    occupancy: &mut Occupancy,
    region: Region,
) -> Result<(AssignedPages, Held)> {
    let before = control.dirty.region(region).map(|known| known.word);
    let (pages, held) = occupancy.region(region, Depth::All)?;
    if let Some(before) = before {
        let sum = pages.guest.saturating_add(pages.firmware);
        control.dirty.counted(region, before, sum);
    }
    Ok((pages, held))
}
