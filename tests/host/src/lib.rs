// SPDX-License-Identifier: GPL-2.0

//! The module's pure files, compiled on the host: the same text, without the kernel crate.
//!
//! What these files may use is what is declared in [`sys`], [`sev`] and [`engine`]. `purity.rs` keeps the kernel out of them.

#![deny(unsafe_code)]
#![allow(dead_code, reason = "the module uses the rest")]

pub(crate) mod engine;
pub(crate) mod sev;
pub(crate) mod sys;

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod assess;
#[cfg(test)]
mod bitmap;
#[cfg(test)]
mod census;
#[cfg(test)]
mod codec;
#[cfg(test)]
mod core_check;
#[cfg(test)]
mod core_round;
#[cfg(test)]
mod cpuid;
#[cfg(test)]
mod entry;
#[cfg(test)]
mod geometry;
#[cfg(test)]
mod lack;
#[cfg(test)]
mod msr;
#[cfg(test)]
mod page;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod range;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod region;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod state;
#[cfg(test)]
mod tracker;
#[cfg(test)]
mod trigger;
#[cfg(test)]
mod window;
#[cfg(test)]
mod words;
