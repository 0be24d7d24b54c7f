// SPDX-License-Identifier: GPL-2.0

//! A command's buffer in guest memory. Numbers are little endian, and addresses may have the encryption bit set.

use super::super::addr::{index, PAGE};
use super::super::Memory;
use super::Status;

/// The encryption bit of an address.
pub(super) const C_BIT: u64 = 1 << 51;
/// The number of ranges that fit into the page of a list, after its head.
const MAX_RANGES: u32 = 255;

/// The buffer of a command, or a page that a buffer names.
pub(super) struct Buffer<'a> {
    pub(super) memory: &'a dyn Memory,
    /// The buffer's address, without the encryption bit.
    pub(super) pa: u64,
}

impl Buffer<'_> {
    fn bytes<const N: usize>(&self, at: u64) -> Result<[u8; N], Status> {
        let mut bytes = [0; N];
        let there = self.pa != 0 && self.memory.read(self.pa + at, &mut bytes);
        there.then_some(bytes).ok_or(Status::INVALID_ADDRESS)
    }

    pub(super) fn u32(&self, at: u64) -> Result<u32, Status> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: u64) -> Result<u64, Status> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    /// The address stored at offset `at`, without the encryption bit.
    pub(super) fn address(&self, at: u64) -> Result<u64, Status> {
        Ok(self.u64(at)? & !C_BIT)
    }

    /// The address of a page that is stored at offset `at`.
    pub(super) fn page(&self, at: u64) -> Result<u64, Status> {
        let pa = self.address(at)?;
        if pa % PAGE == 0 {
            Ok(pa)
        } else {
            Err(Status::INVALID_ADDRESS)
        }
    }

    pub(super) fn put(&self, at: u64, bytes: &[u8]) -> Result<(), Status> {
        let done = self.memory.write(self.pa + at, bytes);
        done.then_some(()).ok_or(Status::INVALID_ADDRESS)
    }

    /// Decodes a list of ranges: their number, then 16 bytes for each. Returns the first byte and the length of each
    /// range.
    pub(super) fn ranges(&self) -> Result<Vec<(u64, u64)>, Status> {
        let count = self.u32(0)?;
        if count > MAX_RANGES {
            return Err(Status::INVALID_PARAM);
        }
        let places = (8..).step_by(index(16)).take(index(u64::from(count)));
        places
            .map(|at| Ok((self.address(at)?, u64::from(self.u32(at + 8)?) * PAGE)))
            .collect()
    }
}
