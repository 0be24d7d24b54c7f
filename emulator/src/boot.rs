// SPDX-License-Identifier: GPL-2.0

//! What the firmware does before the kernel starts: it finds the memory, and reports in ACPI that the IOMMU supports
//! SNP.

use crate::device::MARK;
use crate::model::addr::{index, REGION};
use crate::model::Memory;

/// The first address at which the BIOS may leave the root pointer.
const ROOT_START: u64 = 0xe_0000;
const ROOT_END: u64 = 0x10_0000;
/// Bytes of the header that each ACPI table has.
const HEADER: usize = 36;
/// Bytes of the IVRS before its blocks.
const IVRS_HEADER: usize = 48;
/// The length of the longest table that is read, in bytes.
const MAX_TABLE: usize = 1 << 20;
/// The types of blocks that hold the extended feature register, and the register's place in them.
const BLOCK_TYPES: [u8; 2] = [0x11, 0x40];
const FEATURES: usize = 24;
/// Top byte of the register; its top bit is SNP support.
const FEATURES_TOP: usize = FEATURES + 7;
const SNP_SUPPORT: u8 = 1 << 7;

/// The search for RAM goes in steps of the smallest DIMM.
const STEP: u64 = 128 << 20;
/// Above this QEMU has no RAM: the processor has 40 address bits.
const TOP: u64 = 1 << 40;

/// The number of GiB from address 0 on that contain all of RAM.
pub fn gib_with_ram(memory: &dyn Memory) -> u64 {
    let mut bytes = [0; MARK.len()];
    let mut top = 4 * REGION;
    for pa in (4 * REGION..TOP).step_by(index(STEP)) {
        // The registers of the firmware processor are memory too, but not RAM.
        if memory.read(pa, &mut bytes) && bytes != *MARK {
            top = pa + STEP;
        }
    }
    top.div_ceil(REGION)
}

/// Sets the IOMMU's SNP bit in the ACPI table IVRS. The error says why no kernel would find the bit.
pub fn announce_iommu_snp(memory: &dyn Memory) -> Result<(), String> {
    let Some((address, mut table)) = find_ivrs(memory) else {
        return Err("there is no ACPI table IVRS: QEMU needs -device amd-iommu".into());
    };
    let mut announced = false;
    let mut at = IVRS_HEADER;
    while let Some([kind, _, l0, l1, ..]) = table.get(at..) {
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        if BLOCK_TYPES.contains(kind) && length > FEATURES_TOP {
            if let Some(top) = table.get_mut(at + FEATURES_TOP) {
                *top |= SNP_SUPPORT;
                announced = true;
            }
        }
        if length == 0 {
            break;
        }
        at += length;
    }
    if !announced {
        return Err(
            "the ACPI table IVRS has no block of type 11h or 40h to hold the SNP bit".into(),
        );
    }
    if let Some(checksum) = table.get_mut(9) {
        *checksum = 0;
    }
    let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(checksum) = table.get_mut(9) {
        *checksum = sum.wrapping_neg();
    }
    if memory.write(address, &table) {
        Ok(())
    } else {
        Err(format!(
            "the ACPI table IVRS at {address:#x} cannot be written"
        ))
    }
}

fn find_ivrs(memory: &dyn Memory) -> Option<(u64, Vec<u8>)> {
    let mut area = vec![0; index(ROOT_END - ROOT_START)];
    if !memory.read(ROOT_START, &mut area) {
        return None;
    }
    let root = area
        .chunks_exact(16)
        .position(|c| c.starts_with(b"RSD PTR "))?
        * 16;
    let revision = *area.get(root + 15)?;
    let rsdt = u64::from(word(&area, root + 16)?);
    let xsdt = if revision >= 2 {
        u64::from(word(&area, root + 24)?) | (u64::from(word(&area, root + 28)?) << 32)
    } else {
        0
    };
    let (list, step) = if xsdt != 0 { (xsdt, 8) } else { (rsdt, 4) };
    let list = table(memory, list)?;
    list.get(HEADER..)?.chunks_exact(step).find_map(|pointer| {
        let low = u64::from(word(pointer, 0)?);
        let high = u64::from(word(pointer, 4).unwrap_or(0));
        let address = low | (high << 32);
        let found = table(memory, address)?;
        found.starts_with(b"IVRS").then_some((address, found))
    })
}

fn table(memory: &dyn Memory, address: u64) -> Option<Vec<u8>> {
    let mut header = [0; HEADER];
    if !memory.read(address, &mut header) {
        return None;
    }
    let length = usize::try_from(word(&header, 4)?).ok()?;
    if !(HEADER..=MAX_TABLE).contains(&length) {
        return None;
    }
    let mut bytes = vec![0; length];
    memory.read(address, &mut bytes).then_some(bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// RAM from 0 on, and one DIMM.
    struct Ram(RefCell<Vec<u8>>, Option<u64>);

    /// The registers of the firmware processor and no other memory.
    struct Registers(u64);

    impl Memory for Registers {
        fn read(&self, pa: u64, bytes: &mut [u8]) -> bool {
            if pa == self.0 {
                bytes.copy_from_slice(&MARK[..bytes.len()]);
            }
            pa == self.0
        }

        fn write(&self, _pa: u64, _bytes: &[u8]) -> bool {
            false
        }
    }

    impl Memory for Ram {
        fn read(&self, pa: u64, bytes: &mut [u8]) -> bool {
            if self.1.is_some_and(|dimm| (dimm..dimm + STEP).contains(&pa)) {
                return true;
            }
            let ram = self.0.borrow();
            match ram.get(index(pa)..index(pa) + bytes.len()) {
                Some(found) => {
                    bytes.copy_from_slice(found);
                    true
                }
                None => false,
            }
        }

        fn write(&self, pa: u64, bytes: &[u8]) -> bool {
            self.0.borrow_mut()[index(pa)..index(pa) + bytes.len()].copy_from_slice(bytes);
            true
        }
    }

    fn put(ram: &mut [u8], at: usize, bytes: &[u8]) {
        ram[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// RAM with an IVRS of a block of type 10h and one of type `second`.
    fn ram_with_ivrs(second: u8) -> Ram {
        let mut ram = vec![0; index(ROOT_END)];
        put(&mut ram, 0xf_5000, b"RSD PTR ");
        put(&mut ram, 0xf_5010, &0x1000_u32.to_le_bytes());
        put(&mut ram, 0x1000, b"RSDT");
        put(&mut ram, 0x1004, &44_u32.to_le_bytes());
        put(&mut ram, 0x1000 + 36, &0x2000_u32.to_le_bytes());
        put(&mut ram, 0x1000 + 40, &0x3000_u32.to_le_bytes());
        put(&mut ram, 0x2000, b"FACP");
        put(&mut ram, 0x2004, &36_u32.to_le_bytes());
        put(&mut ram, 0x3000, b"IVRS");
        put(&mut ram, 0x3004, &(48_u32 + 24 + 40).to_le_bytes());
        put(&mut ram, 0x3030, &[0x10, 0, 24, 0]);
        put(&mut ram, 0x3030 + 24, &[second, 0, 40, 0]);
        Ram(RefCell::new(ram), None)
    }

    #[test]
    fn the_feature_bit_is_set_and_the_checksum_right() {
        let ram = ram_with_ivrs(0x11);
        announce_iommu_snp(&ram).unwrap();
        let ram = ram.0.into_inner();
        let table = &ram[0x3000..0x3000 + 112];
        assert_eq!(table.iter().fold(0_u8, |s, b| s.wrapping_add(*b)), 0);
        assert_eq!(table[48 + 24 + 31], 0x80);
        assert_eq!(table[48 + 23], 0);
    }

    #[test]
    fn a_missing_table_is_an_error() {
        let ram = Ram(RefCell::new(vec![0; index(ROOT_END)]), None);
        let why = announce_iommu_snp(&ram).unwrap_err();
        assert!(why.contains("no ACPI table IVRS"), "{why}");
    }

    #[test]
    fn a_table_without_room_for_the_bit_is_an_error() {
        let why = announce_iommu_snp(&ram_with_ivrs(0x10)).unwrap_err();
        assert!(why.contains("no block of type 11h or 40h"), "{why}");
        announce_iommu_snp(&ram_with_ivrs(0x40)).unwrap();
    }

    #[test]
    fn a_table_that_cannot_be_written_is_an_error() {
        struct Rom(Ram);
        impl Memory for Rom {
            fn read(&self, pa: u64, bytes: &mut [u8]) -> bool {
                self.0.read(pa, bytes)
            }

            fn write(&self, _pa: u64, _bytes: &[u8]) -> bool {
                false
            }
        }
        let why = announce_iommu_snp(&Rom(ram_with_ivrs(0x11))).unwrap_err();
        assert!(why.contains("cannot be written"), "{why}");
    }

    #[test]
    fn the_highest_dimm_counts() {
        let none = Ram(RefCell::new(Vec::new()), None);
        assert_eq!(gib_with_ram(&none), 4);
        let one = Ram(RefCell::new(Vec::new()), Some(606 * REGION));
        assert_eq!(gib_with_ram(&one), 607);
        assert_eq!(gib_with_ram(&Registers(768 * REGION)), 4);
    }
}
