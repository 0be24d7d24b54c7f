// SPDX-License-Identifier: GPL-2.0

//! What the RMP holds, region by region.

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

/// Counts region after region and says what holds each, for the status files.
pub(crate) struct Occupancy {
    reader: Reader,
    rmp: Option<Description>,
}

impl Occupancy {
    /// Gets ready. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub(crate) fn new(found: &Found) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(found)?,
            // Without it the RMP's own pages count as the firmware's, which they are.
            rmp: Description::read(found).ok(),
        })
    }

    /// What a region holds, and what of that keeps it from being optimised. May sleep.
    ///
    /// # Errors
    ///
    /// As [`census::census`].
    pub(crate) fn region(&mut self, region: Region, depth: Depth) -> Result<(AssignedPages, Held)> {
        let pages = census::census(&mut self.reader, region, depth)?;
        let own = match &self.rmp {
            Some(rmp) => rmp.layout().own_pages(region),
            None => 0,
        };
        Ok((pages, Held::by(pages, own)))
    }

    /// How many RMPREAD it took so far.
    pub(crate) fn rmpreads(&self) -> u64 {
        self.reader.rmpreads()
    }
}
