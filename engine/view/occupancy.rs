// SPDX-License-Identifier: GPL-2.0

//! The assigned pages of each region, as the RMP's entries say.

use crate::{
    engine::census::{
        self,
        count::{
            AssignedPages,
            Depth,
            Held, //
        }, //
    },
    sev::{
        addr::Region,
        assess::Found,
        rmp::{
            Description,
            Reader, //
        }, //
    }, //
};
use kernel::prelude::*;

/// Counts the assigned pages of one region after the other, and says what holds each region, for the status files.
pub(crate) struct Occupancy {
    reader: Reader,
    rmp: Option<Description>,
}

impl Occupancy {
    /// Prepares to read entries. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::new`].
    pub(crate) fn new(found: &Found) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(found)?,
            // Without a description the RMP's own pages count as pages of the firmware, which is true too.
            rmp: Description::read(found).ok(),
        })
    }

    /// The assigned pages of a region, and what keeps the region from being optimised. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`census::census`].
    pub(crate) fn region(&mut self, region: Region, depth: Depth) -> Result<(AssignedPages, Held)> {
        let pages = census::census(&mut self.reader, region, depth)?;
        let own = match &self.rmp {
            Some(rmp) => rmp.layout().own_pages(region),
            None => 0,
        };
        Ok((pages, Held::by(pages, own)))
    }

    /// The number of RMPREAD executed so far.
    pub(crate) fn rmpreads(&self) -> u64 {
        self.reader.rmpreads()
    }
}
