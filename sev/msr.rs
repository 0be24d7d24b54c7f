// SPDX-License-Identifier: GPL-2.0

//! Decodes the MSRs that configure SNP, the RMP and RMPOPT. Their numbers are in `sys/msr.rs`.
//!
//! Source: AMD64 Architecture Programmer's Manual, volume 2, 15.36; RMPOPT_BASE from AMD's patches
//! "Add RMPOPT support" of 2026.

use super::addr::{
    PhysAddr,
    Region,
    GIB, //
};

/// Bits 51:13, in which RMP_BASE and RMP_END hold their address.
const RMP_ADDR: u64 = ((1 << 52) - 1) & !((1 << 13) - 1);

/// A value of SYSCFG.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Syscfg(pub u64);

impl Syscfg {
    /// Whether SnpEn (bit 24) is set: the processor checks writes against the RMP.
    pub(crate) const fn snp_enabled(self) -> bool {
        self.0 & (1 << 24) != 0
    }

    /// Whether memory encryption is on (bit 23).
    pub(crate) const fn memory_encryption(self) -> bool {
        self.0 & (1 << 23) != 0
    }

    /// Whether guests may use privilege levels (bit 25, VMPLEn).
    pub(crate) const fn vmpl_enabled(self) -> bool {
        self.0 & (1 << 25) != 0
    }
}

/// A value of HWCR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hwcr(pub u64);

impl Hwcr {
    /// Whether the firmware has locked SMM (bit 0). Linux offers no SEV where the firmware has not.
    pub(crate) const fn smm_locked(self) -> bool {
        self.0 & 1 != 0
    }
}

/// The registers that say where the RMP is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RmpRegisters {
    /// RMP_BASE.
    pub(crate) base: u64,
    /// RMP_END.
    pub(crate) end: u64,
    /// RMP_CFG; 0 where the processor does not have that MSR.
    pub(crate) cfg: u64,
}

impl RmpRegisters {
    /// Whether the RMP is in segments.
    pub(crate) const fn segmented(&self) -> bool {
        self.cfg & 1 != 0
    }

    /// log2 of the size in bytes of the memory that one segment covers.
    pub(crate) const fn segment_shift(&self) -> u32 {
        ((self.cfg >> 8) & 0x3f) as u32
    }

    /// The first byte of the RMP.
    pub(crate) const fn base_addr(&self) -> u64 {
        self.base & RMP_ADDR
    }

    /// The value of RMP_END without its reserved bits.
    pub(crate) const fn end_addr(&self) -> u64 {
        self.end & RMP_ADDR
    }

    /// Whether the firmware has set up an RMP.
    pub(crate) const fn present(&self) -> bool {
        self.base_addr() != 0 && (self.segmented() || self.end_addr() > self.base_addr())
    }
}

/// A value of RMPOPT_BASE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RmpoptBase(pub u64);

impl RmpoptBase {
    /// RMPOPT is off on the core and its table is empty.
    pub(crate) const OFF: Self = Self(0);

    /// The value that enables RMPOPT with a window that begins at `first`.
    pub(crate) const fn on(first: Region) -> Self {
        Self(first.base().as_u64() | 1)
    }

    /// Whether RMPOPT_EN (bit 0) is set. Where it is 0 the instruction RMPOPT raises #UD.
    pub(crate) const fn enabled(self) -> bool {
        self.0 & 1 != 0
    }

    /// The first region of the window.
    pub(crate) const fn first(self) -> Option<Region> {
        match PhysAddr::new(self.0 & !(GIB - 1)) {
            Some(addr) => Some(Region::containing(addr)),
            None => None,
        }
    }
}
