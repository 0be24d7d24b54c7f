// SPDX-License-Identifier: GPL-2.0

//! The processors that can be emulated.

use super::switches::choice;

choice! {
    /// A processor generation.
    pub enum Kind {
        /// RMPREAD, segmented RMP, RMPOPT.
        Zen6 = "zen6",
        /// RMPREAD, segmented RMP.
        Zen5 = "zen5",
        /// A contiguous RMP in the raw format, nothing else.
        Zen4 = "zen4",
        /// No SEV-SNP.
        None = "none",
    }
}

impl Kind {
    /// Has SEV-SNP.
    pub fn snp(self) -> bool {
        self != Self::None
    }

    /// Has RMPREAD.
    pub fn rmpread(self) -> bool {
        matches!(self, Self::Zen5 | Self::Zen6)
    }

    /// Has the segmented RMP.
    pub fn segmented(self) -> bool {
        self.rmpread()
    }

    /// Has RMPOPT.
    pub fn rmpopt(self) -> bool {
        self == Self::Zen6
    }
}
