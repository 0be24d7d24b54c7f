// SPDX-License-Identifier: GPL-2.0

//! The state of each region, and the assigned pages that its RMP entries show.

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

/// The state of a region, as far as the module knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegionState {
    /// The region holds assigned pages.
    Held,
    /// The region's last assigned page may have been given back: the thread attempts it soon.
    Queued,
    /// The participating cores have the region optimised.
    Optimised,
    /// No leader has verified the region yet, or no core could have it.
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

    /// The state of the region at a place. `ready` is false where no region can be optimised: while SNP is being
    /// initialised, which clears the cores' tables, and where RMPOPT is off on all cores or they were taken out.
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
    /// The region.
    pub(crate) region: Region,
    /// Its state.
    pub(crate) state: RegionState,
    /// The number of assigned pages that the probes have counted from conversions.
    pub(crate) counted: Pages,
    /// The numbers of assigned pages that the RMP's entries show. `None` where the entries cannot be read.
    pub(crate) assigned: Option<AssignedPages>,
    /// Milliseconds since the last conversion.
    pub(crate) converted: Option<u64>,
    /// Milliseconds since the last attempt.
    pub(crate) attempted: Option<u64>,
    /// The result of the last attempt.
    pub(crate) result: AttemptResult,
}

/// Calls `each` with every region that has RAM and counters, ascending. May sleep.
///
/// # Errors
///
/// Those of [`count`], and the error that `each` returned.
pub(crate) fn for_each(control: &Control, mut each: impl FnMut(&RegionView) -> Result) -> Result {
    let survey = control.survey();
    let mut occupancy = Occupancy::new(&control.found).ok();
    let ready = control.snp_ready() && survey.topology.any_serves();
    for (place, ram) in survey.topology.ram.iter().enumerate() {
        let region = ram.region;
        let Some(mut known) = control.dirty.region(region) else {
            continue;
        };
        let assigned = match &mut occupancy {
            // An optimised region holds no assigned pages, so they need not be counted.
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

/// Counts the assigned pages of a region, and stores the count in the region's counters. May sleep.
///
/// # Errors
///
/// Those of [`crate::engine::census::census`].
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
