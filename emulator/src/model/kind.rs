// SPDX-License-Identifier: GPL-2.0

//! The processors that can be emulated.

use super::switches::choice;

choice! {
    /// A processor generation.
    pub enum Kind {
        /// It has RMPREAD, a segmented RMP and RMPOPT.
        Zen6 = "zen6",
        /// It has RMPREAD and a segmented RMP.
        Zen5 = "zen5",
        /// It has a contiguous RMP in the raw format only.
        Zen4 = "zen4",
        /// No SEV-SNP.
        None = "none",
    }
}

impl Kind {
    /// Whether the processor has SEV-SNP.
    pub fn snp(self) -> bool {
        self != Self::None
    }

    /// Whether the processor has RMPREAD.
    pub fn rmpread(self) -> bool {
        matches!(self, Self::Zen5 | Self::Zen6)
    }

    /// Whether the processor has the segmented RMP.
    pub fn segmented(self) -> bool {
        self.rmpread()
    }

    /// Whether the processor has RMPOPT.
    pub fn rmpopt(self) -> bool {
        self == Self::Zen6
    }
}
