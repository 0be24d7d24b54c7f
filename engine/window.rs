// SPDX-License-Identifier: GPL-2.0

//! The part of memory that a core's table spans.

use super::region::RamRegion;
use crate::sev::addr::Region;

/// Regions that a core's table spans on all processors so far: 2 TiB.
pub(crate) const SPAN: u32 = 2048;

/// A core's window: `span` regions from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first region.
    pub(crate) first: Region,
    /// The number of regions, 1 to [`SPAN`].
    pub(crate) span: u32,
}

impl Window {
    /// The place of a region in the window, `None` outside of it.
    pub(crate) fn offset(&self, region: Region) -> Option<u32> {
        let offset = region.gib().checked_sub(self.first.gib())?;
        (offset < self.span).then_some(offset)
    }

    /// Whether a region lies in the window.
    pub(crate) fn covers(&self, region: Region) -> bool {
        self.offset(region).is_some()
    }
}

/// One window for all cores: from the lowest RAM on.
pub(crate) fn lowest(ram: &[RamRegion], span: u32) -> Option<Window> {
    Some(Window {
        first: ram.first()?.region,
        span,
    })
}
