// SPDX-License-Identifier: GPL-2.0

//! The sets of regions that all cores share during a pass.
//!
//! Pure: the trait [`Word`] hides the words of the bitmaps.

use crate::engine::bitmap::Bits;

/// The sets of regions of a pass, by place in the list of RAM. Each region is in one of `open`, `free` and `held`;
/// a region that raced is in `raced` too.
pub(crate) struct Sets<'a, W> {
    /// Regions that no leader has verified yet.
    pub(crate) open: Bits<'a, W>,
    /// Regions that a leader found free: followers attempt these.
    pub(crate) free: Bits<'a, W>,
    /// Regions that a leader found to hold assigned pages.
    pub(crate) held: Bits<'a, W>,
    /// Regions that a follower found held after a leader had found them free.
    pub(crate) raced: Bits<'a, W>,
}
