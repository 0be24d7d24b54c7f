// SPDX-License-Identifier: GPL-2.0

//! Which NUMA node a GiB of memory is on: `/proc/zoneinfo`.

use super::Root;
use anyhow::Result;

/// Ranges of memory, each with its node.
#[derive(Clone, Debug, Default)]
pub struct Nodes(Vec<Zone>);

#[derive(Clone, Copy, Debug)]
struct Zone {
    node: u32,
    /// The first page frame.
    first: u64,
    /// The page frame behind the last one.
    end: u64,
}

/// log2 of the page frames of a GiB.
const GIB_FRAMES: u32 = 18;

impl Nodes {
    /// Reads them; none where the kernel does not tell.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(root: &Root) -> Result<Self> {
        let text = root.optional("proc/zoneinfo")?.unwrap_or_default();
        let mut zones = Vec::new();
        let (mut node, mut spanned, mut present) = (None, 0, 0);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let key = words.next().unwrap_or_default();
            let value = words.next().unwrap_or_default();
            let number = |text: &str| text.parse::<u64>().unwrap_or(0);
            match key {
                // "Node 0, zone    DMA32"
                "Node" => {
                    node = value.trim_end_matches(',').parse::<u32>().ok();
                    (spanned, present) = (0, 0);
                }
                "spanned" => spanned = number(value),
                "present" => present = number(value),
                "start_pfn:" => {
                    let first = number(value);
                    let end = first.saturating_add(spanned);
                    if let Some(node) = node.filter(|_| present != 0) {
                        zones.push(Zone { node, first, end });
                    }
                }
                _ => (),
            }
        }
        zones.sort_by_key(|zone| zone.first);
        Ok(Self(zones))
    }

    /// The node of a GiB: of its first memory, as the module takes it.
    pub fn of(&self, gib: u32) -> Option<u32> {
        let first = u64::from(gib) << GIB_FRAMES;
        let end = first + (1 << GIB_FRAMES);
        let touches = |zone: &&Zone| zone.first < end && first < zone.end;
        self.0.iter().find(touches).map(|zone| zone.node)
    }
}
