// SPDX-License-Identifier: GPL-2.0

//! Memory of this process, and where it lies: `/proc/self/pagemap`.

use crate::exit::{Code, Failure};
use anyhow::{Context, Result};
use memmap2::{Advice, MmapMut, MmapOptions};
use std::{fs::File, os::unix::fs::FileExt};

/// Bytes of a page, as the file counts them.
pub const PAGE: usize = 4096;
/// Of an entry: the page is there; its frame.
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;
/// log2 of the page frames of a GiB.
const GIB_FRAMES: u32 = 18;

/// Maps so many pages and writes to each, so that all are there. They are of 4 KiB, or of 2 MiB where the kernel finds
/// some.
///
/// # Errors
///
/// There is not so much memory.
pub fn map(pages: usize, huge: bool) -> Result<MmapMut> {
    let bytes = pages.checked_mul(PAGE).context("too large")?;
    let mapped = MmapOptions::new().len(bytes).map_anon();
    let mut map = mapped.with_context(|| format!("{bytes} bytes of memory"))?;
    let advice = match huge {
        true => Advice::HugePage,
        false => Advice::NoHugePage,
    };
    // A kernel without huge pages has none of them to hand out.
    let _ = map.advise(advice);
    for page in map.chunks_mut(PAGE) {
        if let Some(byte) = page.first_mut() {
            *byte = 1;
        }
    }
    Ok(map)
}

/// The GiB in which each page lies; `None` for one that is not there.
///
/// # Errors
///
/// [`Code::Permission`]: the kernel tells only root.
pub fn gibs(map: &MmapMut) -> Result<Vec<Option<u32>>> {
    let name = "/proc/self/pagemap";
    let file = File::open(name).context(name)?;
    let mut bytes = vec![0; map.len() / PAGE * 8];
    let first = u64::try_from(map.as_ptr().addr() / PAGE * 8)?;
    file.read_exact_at(&mut bytes, first).context(name)?;
    let gibs: Vec<Option<u32>> = bytes.chunks_exact(8).map(gib).collect();
    match gibs.iter().all(Option::is_none) {
        true => Err(Failure::error(
            Code::Permission,
            "the kernel does not tell where memory lies",
        )),
        false => Ok(gibs),
    }
}

/// From an entry. Frame 0 is what those get who may not know.
fn gib(entry: &[u8]) -> Option<u32> {
    let entry = u64::from_ne_bytes(entry.try_into().ok()?);
    let frame = entry & FRAME;
    let there = entry & PRESENT != 0 && frame != 0;
    there
        .then(|| u32::try_from(frame >> GIB_FRAMES).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::{gib, PRESENT};

    #[test]
    fn entries_are_the_kernels() {
        let read = |entry: u64| gib(&entry.to_ne_bytes());
        assert_eq!(read(PRESENT | (5 << 18) | 7), Some(5));
        // Soft-dirty and exclusive are no part of the frame.
        assert_eq!(read(PRESENT | (3 << 55) | (9 << 18)), Some(9));
        assert_eq!(read(PRESENT), None);
        assert_eq!(read(5 << 18), None);
    }
}
