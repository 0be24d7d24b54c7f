// SPDX-License-Identifier: GPL-2.0

//! Physical addresses and the 1 GiB regions that RMPOPT works on.

use core::fmt;

/// log2 of the size of a region in bytes.
pub(crate) const REGION_SHIFT: u32 = 30;

/// Bytes of one GiB, which is the size of a region.
pub(crate) const GIB: u64 = 1 << REGION_SHIFT;

/// The largest width of a physical address on x86-64, in bits.
pub(crate) const PHYS_BITS: u32 = 52;

/// A physical address in bytes, at most 52 bits wide.
///
/// # Invariants
///
/// The value is below `1 << PHYS_BITS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PhysAddr(u64);

impl PhysAddr {
    /// Returns the address, or `None` where it is wider than the architecture allows.
    pub(crate) const fn new(addr: u64) -> Option<Self> {
        if addr >> PHYS_BITS == 0 {
            // INVARIANT: Just checked.
            Some(Self(addr))
        } else {
            None
        }
    }

    /// The address in bytes.
    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// The address, rounded down to a multiple of `1 << shift`.
    pub(crate) const fn align_down(self, shift: u32) -> Self {
        // INVARIANT: The value only gets smaller.
        Self(self.0 & !((1 << shift) - 1))
    }
}

/// A naturally aligned GiB of the physical address space.
///
/// # Invariants
///
/// The number of the GiB is below `1 << (PHYS_BITS - REGION_SHIFT)`, so [`Region::base`] is a valid
/// physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Region(u32);

impl Region {
    /// One more than the largest number that a region can have.
    pub(crate) const LIMIT: u32 = 1 << (PHYS_BITS - REGION_SHIFT);

    /// The region with this number, counted in GiB from address 0.
    pub(crate) const fn new(gib: u32) -> Option<Self> {
        if gib < Self::LIMIT {
            // INVARIANT: Just checked.
            Some(Self(gib))
        } else {
            None
        }
    }

    /// The region in which an address lies.
    pub(crate) const fn containing(addr: PhysAddr) -> Self {
        // INVARIANT: A `PhysAddr` has at most PHYS_BITS bits.
        #[expect(clippy::cast_possible_truncation, reason = "22 bits are left")]
        Self((addr.as_u64() >> REGION_SHIFT) as u32)
    }

    /// The number of the region, counted in GiB from address 0.
    pub(crate) const fn gib(self) -> u32 {
        self.0
    }

    /// The first address of the region.
    pub(crate) const fn base(self) -> PhysAddr {
        // INVARIANT: The number is below `1 << (PHYS_BITS - REGION_SHIFT)`.
        PhysAddr((self.0 as u64) << REGION_SHIFT)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
