// SPDX-License-Identifier: GPL-2.0

//! `guests`: who keeps memory from being optimised, with how many pages.

use crate::{
    cli,
    collect::{
        machines::{self, Machine},
        rmp::{self, Occupancy},
        Root,
    },
    exit::{Code, Failure},
    output::{Data, Output},
    show,
};
use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What `guests` found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// 4 KiB pages of all guests.
    pub pages: u64,
    /// GiBs that guests hold.
    pub held_gib: u64,
    /// Of these, those with less than a sixteenth of their pages assigned to guests.
    pub few_gib: u64,
    /// The GiBs that guests hold.
    pub regions: Vec<Region>,
    /// Guests by ASID, from samples: none where none were taken.
    pub guests: Option<Vec<Guest>>,
    /// Processes that run SNP guests.
    pub machines: Vec<Machine>,
}

/// A GiB that guests hold.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Region {
    /// The GiB.
    pub gib: u32,
    /// Its node.
    pub node: u32,
    /// 4 KiB pages of guests in it.
    pub pages: u64,
    /// What else holds it: `firmware`, `rmp`.
    pub also: Vec<String>,
}

/// A guest, as the RMP knows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Guest {
    /// Its number.
    pub asid: u64,
    /// Blocks of 2 MiB of which the first page is the guest's.
    pub blocks: u64,
    /// GiBs with such a block.
    pub gib: u64,
    /// Its virtual machine, where there is only one of each.
    pub machine: Option<String>,
}

/// Pages of a GiB, and below how many they are few.
const PAGES: u64 = 1 << 18;
const FEW: u64 = PAGES / 16;
/// Blocks of 2 MiB of a GiB.
const BLOCKS: u64 = 512;

/// Shows them.
///
/// # Errors
///
/// Files cannot be read; SNP is off; samples are wanted of a saved copy.
pub fn run(root: &Root, output: &Output, arguments: &cli::Guests) -> Result<Code> {
    root.require_module()?;
    if arguments.asids && root.saved() {
        let text = "--asids asks the RMP itself: not with --root";
        return Err(Failure::error(Code::Failed, text));
    }
    let report = collect(root, arguments.asids)?;
    let text = show::guests::text(&report, output.style, arguments.all);
    output.print(Data::Guests(report), |_| text)?;
    Ok(Code::Done)
}

/// Collects what is shown.
///
/// # Errors
///
/// As [`run`].
pub fn collect(root: &Root, asids: bool) -> Result<Report> {
    let occupancy = rmp::occupancy(root)?;
    let regions: Vec<Region> = occupancy
        .iter()
        .filter(|o| o.guest != 0)
        .map(region)
        .collect();
    let machines = machines::all(root)?;
    let guests = match asids {
        true => Some(sample(root, &regions, &machines)?),
        false => None,
    };
    let few = regions.iter().filter(|region| region.pages < FEW).count();
    Ok(Report {
        pages: regions
            .iter()
            .fold(0, |n, region| n.saturating_add(region.pages)),
        held_gib: u64::try_from(regions.len())?,
        few_gib: u64::try_from(few)?,
        regions,
        guests,
        machines,
    })
}

fn region(occupancy: &Occupancy) -> Region {
    let also = occupancy.held_by.iter().filter(|who| *who != "guest");
    Region {
        gib: occupancy.gib,
        node: occupancy.node,
        pages: occupancy.guest,
        also: also.cloned().collect(),
    }
}

/// The owner of the first page of each 2 MiB of the regions. A guest with 4 KiB pages behind such a first page only is
/// not seen.
fn sample(root: &Root, regions: &[Region], machines: &[Machine]) -> Result<Vec<Guest>> {
    let mut blocks: BTreeMap<u64, u64> = BTreeMap::new();
    let mut gibs: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for region in regions {
        for block in 0..BLOCKS {
            let entry = super::rmp::entry(root, (u64::from(region.gib) << 30) + (block << 21))?;
            if entry.get("owner").is_none_or(|owner| owner != "guest") {
                continue;
            }
            let asid = entry.get("asid").and_then(|asid| asid.parse().ok());
            let asid = asid.unwrap_or(0);
            *blocks.entry(asid).or_default() += 1;
            gibs.entry(asid).or_default().insert(region.gib);
        }
    }
    let only = match (machines, blocks.len()) {
        ([machine], 1) => Some(machine.name.clone()),
        _ => None,
    };
    let guest = |(asid, blocks)| Guest {
        asid,
        blocks,
        gib: gibs
            .get(&asid)
            .map_or(0, |set| u64::try_from(set.len()).unwrap_or(0)),
        machine: only.clone(),
    };
    Ok(blocks.into_iter().map(guest).collect())
}
