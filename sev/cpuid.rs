// SPDX-License-Identifier: GPL-2.0

//! What CPUID says about SEV-SNP, the RMP and RMPOPT.
//!
//! Source: AMD64 Architecture Programmer's Manual, volume 3, appendix E; the RMPOPT bit from AMD's
//! patches "Add RMPOPT support" of 2026. The module tests feature bits, never the processor's family.

/// Largest standard leaf and the vendor's name.
pub(crate) const LEAF_VENDOR: u32 = 0;
/// Largest extended leaf.
pub(crate) const LEAF_EXTENDED: u32 = 0x8000_0000;
/// Encrypted memory capabilities.
pub(crate) const LEAF_ENCRYPTION: u32 = 0x8000_001f;
/// Segmented RMP and RMPOPT capabilities.
pub(crate) const LEAF_RMP: u32 = 0x8000_0025;

/// The four registers that one CPUID leaf fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Register EAX.
    pub(crate) eax: u32,
    /// Register EBX.
    pub(crate) ebx: u32,
    /// Register ECX.
    pub(crate) ecx: u32,
    /// Register EDX.
    pub(crate) edx: u32,
}

impl Leaf {
    /// Whether this leaf, read as [`LEAF_VENDOR`], names `AuthenticAMD`.
    pub(crate) fn is_amd(&self) -> bool {
        let name = [self.ebx, self.edx, self.ecx].map(u32::to_le_bytes);
        name.as_flattened() == b"AuthenticAMD"
    }
}

/// Limits of a segmented RMP, from [`LEAF_RMP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentLimits {
    /// Smallest segment size, log2 of bytes.
    pub(crate) min_shift: u32,
    /// Largest segment size, log2 of bytes.
    pub(crate) max_shift: u32,
    /// Number of segments that the processor can cache, 0 to 1023.
    pub(crate) cacheable: u32,
    /// Whether at most `cacheable` segments may be used. Otherwise the limit is 512.
    pub(crate) hard_limit: bool,
}

impl SegmentLimits {
    /// Entries of the segment table, which is one 4 KiB page.
    pub(crate) const TABLE_ENTRIES: u32 = 512;

    /// The number of segments that the RMP of this processor can have.
    pub(crate) fn segments(&self) -> u32 {
        if self.hard_limit {
            self.cacheable.min(Self::TABLE_ENTRIES)
        } else {
            Self::TABLE_ENTRIES
        }
    }
}

/// The features of a processor that matter to this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// The vendor is AMD.
    pub(crate) amd: bool,
    /// Secure Nested Paging, and with it the RMP.
    pub(crate) snp: bool,
    /// The RMPREAD instruction (Zen 5).
    pub(crate) rmpread: bool,
    /// An RMP in segments (Zen 5), with its limits.
    pub(crate) segmented: Option<SegmentLimits>,
    /// The RMPOPT instruction (Zen 6).
    pub(crate) rmpopt: bool,
}

impl Features {
    /// Decodes the leaves that `cpuid` returns.
    ///
    /// `cpuid` is not called for leaves that the processor does not have: the value of an absent leaf is
    /// undefined.
    pub(crate) fn decode(mut cpuid: impl FnMut(u32) -> Leaf) -> Self {
        let amd = cpuid(LEAF_VENDOR).is_amd();
        let last = if amd { cpuid(LEAF_EXTENDED).eax } else { 0 };
        if last < LEAF_ENCRYPTION {
            return Self {
                amd,
                ..Self::default()
            };
        }

        let enc = cpuid(LEAF_ENCRYPTION).eax;
        let rmp = if last >= LEAF_RMP {
            cpuid(LEAF_RMP)
        } else {
            Leaf::default()
        };
        Self {
            amd,
            snp: enc & (1 << 4) != 0,
            rmpread: enc & (1 << 21) != 0,
            segmented: (enc & (1 << 23) != 0).then_some(SegmentLimits {
                min_shift: rmp.eax & 0x3f,
                max_shift: (rmp.eax >> 6) & 0x3f,
                cacheable: rmp.ebx & 0x3ff,
                hard_limit: rmp.ebx & (1 << 10) != 0,
            }),
            rmpopt: rmp.edx & 1 != 0,
        }
    }
}
