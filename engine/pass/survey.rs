// SPDX-License-Identifier: GPL-2.0

//! A survey of the host, together with what passes have found out about its regions.

use super::region_sets::RegionSets;
use crate::engine::host::{
    region::index_of,
    topology::Topology,
    window::Policy, //
};
use kernel::prelude::*;

/// RAM and cores, and what passes have found out about the regions.
pub(crate) struct Survey {
    /// RAM and cores. They never change.
    pub(crate) topology: Topology,
    /// What passes have found out about the regions, by place in [`Topology::ram`].
    pub(crate) sets: RegionSets,
}

impl Survey {
    /// Surveys the host, and takes over the cores and the state of regions from the earlier survey `before`. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Topology::survey`].
    pub(crate) fn new(before: Option<&Self>, span: u32, policy: Policy) -> Result<Self> {
        let topology = Topology::survey(before.map(|before| &before.topology), span, policy)?;
        let survey = Self {
            sets: RegionSets::new(topology.ram.len())?,
            topology,
        };
        survey.inherit(before);
        Ok(survey)
    }

    /// Takes over the state of each region from `before`. New regions are open.
    fn inherit(&self, before: Option<&Self>) {
        for (place, ram) in self.topology.ram.iter().enumerate() {
            let known = before.and_then(|b| Some((b, index_of(&b.topology.ram, ram.region)?)));
            let Some((before, old)) = known else {
                // The region may have been in an even earlier survey, and may have held assigned pages since.
                self.topology.forget(place);
                self.sets.open().set(place);
                continue;
            };
            if before.sets.free().test(old) {
                self.sets.free().set(place);
            } else if before.sets.held().test(old) {
                self.sets.held().set(place);
            } else {
                self.sets.open().set(place);
            }
        }
    }

    /// Marks those regions as dirty that are dirty in `other`.
    pub(crate) fn add_dirty(&self, other: &Self) {
        for place in other.sets.dirty().iter_from(0) {
            let region = other.topology.ram.get(place).map(|ram| ram.region);
            if let Some(place) = region.and_then(|region| index_of(&self.topology.ram, region)) {
                self.sets.dirty().set(place);
            }
        }
    }
}
