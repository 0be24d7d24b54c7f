// SPDX-License-Identifier: GPL-2.0

//! `rmp`: the RMP entry of a page, and how the RMP is laid out.

use crate::{
    cli,
    collect::{lines::Lines, rmp, Root, CONFIG},
    exit::{Code, Failure},
    output::{Data, Output},
    show,
};
use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What `rmp` found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// The entry of a page: the lines of configfs `rmp_entry`.
    Entry(BTreeMap<String, String>),
    /// The layout.
    Segments(rmp::Layout),
    /// What CPUID and the MSRs say.
    Config(rmp::Config),
    /// The assigned pages of each GiB with RAM.
    Occupancy(Vec<rmp::Occupancy>),
}

/// How often the choice of another user of `rmp_entry` is overruled.
const TRIES: u32 = 5;

/// Prints what was asked for.
///
/// # Errors
///
/// Files cannot be read or are not of their form; [`Code::Refused`] where the address is.
pub fn run(root: &Root, output: &Output, arguments: &cli::Rmp) -> Result<Code> {
    root.require_module()?;
    let found = if arguments.segments {
        Found::Segments(rmp::layout(root)?)
    } else if arguments.config {
        Found::Config(rmp::config(root)?)
    } else if arguments.occupancy {
        Found::Occupancy(rmp::occupancy(root)?)
    } else {
        let address = arguments.address.context("an address is missing")?;
        Found::Entry(entry(root, address)?)
    };
    let text = show::rmp::text(&found, output.style);
    output.print(Data::Rmp(found), |_| text)?;
    Ok(Code::Done)
}

/// The entry of the page in which an address lies.
///
/// # Errors
///
/// As [`run`].
pub fn entry(root: &Root, address: u64) -> Result<BTreeMap<String, String>> {
    root.require_controls()?;
    let page = address & !0xfff;
    let file = format!("{CONFIG}/rmp_entry");
    for _ in 0..TRIES {
        if !root.saved() {
            root.write(&file, &format!("{page:#x}"))?;
        }
        let text = root.text(&file)?;
        let pairs = Lines::new(&file, &text);
        let is = pairs.need("address")?;
        // All who use the file share the choice: the first line names the page.
        if crate::collect::lines::number(is).is_ok_and(|is| is == page) {
            let pairs = pairs.pairs();
            return Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
        }
        if root.saved() {
            let text = format!("the saved copy has the entry of {is} only");
            return Err(Failure::error(Code::Refused, text));
        }
    }
    Err(Failure::error(
        Code::Failed,
        "somebody else uses rmp_entry all the time",
    ))
}
