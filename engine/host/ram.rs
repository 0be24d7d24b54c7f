// SPDX-License-Identifier: GPL-2.0

//! Finds the regions with RAM.

use super::region::{
    RamRegion,
    Splitter, //
};
use crate::sys::iomem;
use kernel::prelude::*;

/// The regions with online RAM, ascending. A region's node is the node of its first online RAM. May sleep.
///
/// # Errors
///
/// ENOMEM; EINVAL where there is no RAM.
pub(super) fn find() -> Result<KVVec<RamRegion>> {
    let mut ram = KVVec::new();
    let mut splitter = Splitter::default();
    let section = iomem::section_size();
    iomem::for_each_ram(|start, end| {
        let mut at = start;
        while at <= end {
            let next = (at | section.saturating_sub(1)).saturating_add(1);
            if let Some(node) = iomem::node_of(at) {
                let last = end.min(next.saturating_sub(1));
                splitter.add(at, last, |region| {
                    Ok::<_, Error>(ram.push(RamRegion { region, node }, GFP_KERNEL)?)
                })?;
            }
            at = next;
        }
        Ok(())
    })?;
    Ok(ram)
}
