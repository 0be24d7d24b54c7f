// SPDX-License-Identifier: GPL-2.0

//! The NUMA nodes of this host: their distances and sockets, which the placement of windows needs.

use super::{
    topology::CoreEntry,
    window::Nodes, //
};
use crate::sys::cpu;
use kernel::prelude::*;

/// The socket of each node, by node number.
pub(super) struct NodeMap {
    sockets: KVVec<Option<u32>>,
}

impl NodeMap {
    /// The nodes of these cores. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(super) fn new(cores: &[CoreEntry]) -> Result<Self> {
        let mut sockets = KVVec::new();
        for entry in cores {
            let node = entry.core.node() as usize;
            while sockets.len() <= node {
                sockets.push(None, GFP_KERNEL)?;
            }
            if let (Some(socket), Some(cpu)) = (sockets.get_mut(node), entry.representative) {
                *socket = Some(cpu.socket());
            }
        }
        Ok(Self { sockets })
    }
}

impl Nodes for NodeMap {
    fn distance(&self, from: u32, to: u32) -> u32 {
        cpu::node_distance(from, to)
    }

    fn socket(&self, node: u32) -> Option<u32> {
        *self.sockets.get(node as usize)?
    }
}
