// SPDX-License-Identifier: GPL-2.0

//! Draws what was collected: text, colours, pictures.
//!
//! Nothing in here reads a file or decides anything; all of it are functions from values to text.

pub mod advise;
pub mod doctor;
pub mod gain;
pub mod grid;
pub mod guests;
pub mod heat;
pub mod html;
pub mod prometheus;
pub mod replay;
pub mod rmp;
pub mod status;
pub mod style;
pub mod svg;
pub mod time;
pub mod timeline;
pub mod timeline_svg;
pub mod watch;
