// SPDX-License-Identifier: GPL-2.0

//! What a pass knows of regions while it runs, shared by all cores.
//!
//! Pure: the words of the bitmaps are behind the trait [`Word`].

use crate::engine::bitmap::Bits;

/// The sets through which regions go in a pass, by place in the list of RAM. A region is in one of `open`,
/// `free` and `held`.
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
