// SPDX-License-Identifier: GPL-2.0

//! One RMP entry: its owner, the raw format in memory, and the 16 bytes of RMPREAD and RMPUPDATE.

use super::addr::{BLOCK, PAGE};

/// The size of the memory that an entry covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// 4 KiB.
    #[default]
    Page,
    /// 2 MiB.
    Block,
}

impl Size {
    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Page => PAGE,
            Self::Block => BLOCK,
        }
    }

    /// The name at the test port.
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "4k",
            Self::Block => "2m",
        }
    }
}

/// Who owns a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Not assigned.
    Hypervisor,
    /// Assigned, with an ASID.
    Guest,
    /// Assigned without an ASID.
    Firmware,
}

/// One RMP entry. The default is a page of the hypervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The page belongs to a guest or to the firmware.
    pub assigned: bool,
    /// The size of the memory that the entry covers.
    pub size: Size,
    /// RMPUPDATE cannot change the entry.
    pub immutable: bool,
    /// The ASID of the guest, 0 for no guest. 10 bits.
    pub asid: u32,
    /// The guest physical address, 4 KiB aligned, below 2^51.
    pub gpa: u64,
    /// The page holds a VMSA.
    pub vmsa: bool,
    /// The guest has validated the page.
    pub validated: bool,
}

/// Highest ASID that an entry can hold.
pub const MAX_ASID: u32 = 0x3ff;
/// First guest physical address that an entry cannot hold.
pub const GPA_LIMIT: u64 = 1 << 51;

const RAW_ASSIGNED: u64 = 1 << 0;
const RAW_BLOCK: u64 = 1 << 1;
const RAW_IMMUTABLE: u64 = 1 << 2;
const RAW_GPA: u64 = (GPA_LIMIT - 1) & !(PAGE - 1);
const RAW_ASID_SHIFT: u32 = 51;
const RAW_VMSA: u64 = 1 << 61;
const RAW_VALIDATED: u64 = 1 << 62;

/// The bit in the page size byte that says that another page of the 2 MiB is assigned. Only RMPREAD writes it.
const OPERAND_OTHERS: u8 = 1 << 1;

impl Entry {
    /// The entry of a page that belongs to the firmware.
    pub fn firmware(size: Size) -> Self {
        Self {
            assigned: true,
            size,
            immutable: true,
            ..Self::default()
        }
    }

    /// Who owns the page.
    pub fn owner(&self) -> Owner {
        match (self.assigned, self.asid) {
            (false, _) => Owner::Hypervisor,
            (true, 0) => Owner::Firmware,
            (true, _) => Owner::Guest,
        }
    }

    /// The low and the high word of the entry in memory, as Zen 3 and Zen 4 define them.
    pub fn raw(&self) -> [u64; 2] {
        let mut low = self.gpa & RAW_GPA;
        low |= u64::from(self.asid & MAX_ASID) << RAW_ASID_SHIFT;
        for (set, bit) in [
            (self.assigned, RAW_ASSIGNED),
            (self.size == Size::Block, RAW_BLOCK),
            (self.immutable, RAW_IMMUTABLE),
            (self.vmsa, RAW_VMSA),
            (self.validated, RAW_VALIDATED),
        ] {
            if set {
                low |= bit;
            }
        }
        [low, 0]
    }

    /// The two words as bytes.
    pub fn raw_bytes(&self) -> [u8; 16] {
        let [low, high] = self.raw();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&low.to_le_bytes());
        bytes[8..].copy_from_slice(&high.to_le_bytes());
        bytes
    }

    /// Encodes the 16 bytes that RMPREAD writes.
    pub fn to_operand(self, others_assigned: bool) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.gpa.to_le_bytes());
        bytes[8] = u8::from(self.assigned);
        bytes[9] = u8::from(self.size == Size::Block);
        if others_assigned {
            bytes[9] |= OPERAND_OTHERS;
        }
        bytes[10] = u8::from(self.immutable);
        bytes[12..].copy_from_slice(&self.asid.to_le_bytes());
        bytes
    }

    /// Decodes the 16 bytes that RMPUPDATE reads. The error names the reserved bits that are set.
    pub fn from_operand(bytes: &[u8; 16]) -> Result<Self, String> {
        let [g0, g1, g2, g3, g4, g5, g6, g7, assigned, size, immutable, reserved, a0, a1, a2, a3] =
            *bytes;
        for (name, byte, allowed) in [
            ("assigned", assigned, 1),
            ("page size", size, 1),
            ("immutable", immutable, 1),
            ("reserved", reserved, 0),
        ] {
            if byte & !allowed != 0 {
                return Err(format!("reserved bits in the {name} byte: {byte:#x}"));
            }
        }
        Ok(Self {
            assigned: assigned == 1,
            size: if size == 1 { Size::Block } else { Size::Page },
            immutable: immutable == 1,
            asid: u32::from_le_bytes([a0, a1, a2, a3]),
            gpa: u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]),
            vmsa: false,
            validated: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Entry {
        Entry {
            assigned: true,
            size: Size::Block,
            immutable: false,
            asid: 0x155,
            gpa: 0x1234_5660_0000,
            vmsa: true,
            validated: true,
        }
    }

    #[test]
    fn raw_format() {
        let [low, high] = guest().raw();
        assert_eq!(high, 0);
        assert_eq!(low & 7, 0b011);
        assert_eq!(low & 0x0007_ffff_ffff_f000, 0x1234_5660_0000);
        assert_eq!((low >> 51) & 0x3ff, 0x155);
        assert_eq!(low >> 61, 0b11);
        assert_eq!(Entry::firmware(Size::Page).raw(), [0b101, 0]);
        assert_eq!(Entry::default().raw(), [0, 0]);
        assert_eq!(guest().raw_bytes()[..8], low.to_le_bytes());
    }

    #[test]
    fn operand() {
        let bytes = guest().to_operand(true);
        assert_eq!(bytes[..8], 0x1234_5660_0000_u64.to_le_bytes());
        assert_eq!(bytes[8..12], [1, 3, 0, 0]);
        assert_eq!(bytes[12..], 0x155_u32.to_le_bytes());
        let back = Entry::from_operand(&guest().to_operand(false)).unwrap();
        assert_eq!(
            back,
            Entry {
                vmsa: false,
                validated: false,
                ..guest()
            }
        );
    }

    #[test]
    fn reserved_bits_are_named() {
        for (at, value, name) in [
            (8, 2, "assigned"),
            (9, 2, "page size"),
            (10, 0x80, "immutable"),
            (11, 1, "reserved"),
        ] {
            let mut bytes = [0; 16];
            bytes[at] = value;
            assert!(Entry::from_operand(&bytes).unwrap_err().contains(name));
        }
    }

    #[test]
    fn owners() {
        assert_eq!(Entry::default().owner(), Owner::Hypervisor);
        assert_eq!(guest().owner(), Owner::Guest);
        assert_eq!(Entry::firmware(Size::Block).owner(), Owner::Firmware);
    }
}
