// SPDX-License-Identifier: GPL-2.0

//! The state of a core.
//!
//! Pure: it follows from what was asked for, what RMPOPT_BASE reads, and whose the register is. What is read is
//! the truth: RMPOPT_EN cannot be cleared while SNP is on, and the base may not move.

use super::window::Window;
use crate::{
    sev::{
        addr::Region,
        fault::Fault,
        msr::RmpoptBase, //
    },
    sys::codec::Codec, //
};

/// Whose RMPOPT_BASE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This module's.
    Module,
    /// The kernel's, which has RMPOPT of its own.
    Kernel,
}

/// What was last asked of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing yet, or nothing since RMPOPT_BASE was found cleared.
    Nothing,
    /// To be off.
    Off,
    /// To be on, with a window from this region on.
    On(Region),
}

impl Codec for Asked {
    fn encode(self) -> u64 {
        match self {
            Self::Nothing => u64::MAX,
            Self::Off => u64::MAX - 1,
            Self::On(first) => u64::from(first.gib()),
        }
    }

    fn decode(number: u64) -> Self {
        if number == Self::Off.encode() {
            return Self::Off;
        }
        match u32::try_from(number).ok().and_then(Region::new) {
            Some(first) => Self::On(first),
            None => Self::Nothing,
        }
    }
}

/// The state of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreState {
    /// RMPOPT_EN is 0, and nobody asked for anything else.
    Off,
    /// On, as asked.
    On,
    /// On although it shall be off, or before anything was asked for: the processor keeps RMPOPT_EN.
    Kept,
    /// On, with a window that is not the one asked for: the processor did not let the base move.
    OtherWindow,
    /// The kernel has enabled it, which has RMPOPT of its own.
    Native,
    /// The module has enabled it, and somebody else has cleared it since.
    Cleared,
    /// An access faulted. Nothing is tried until SNP comes on again or the administrator asks.
    TakenOut(Fault),
}

impl CoreState {
    /// The state that follows from what was asked, what is read, and whose the register is.
    ///
    /// A fault is not in it: see [`CoreState::TakenOut`].
    pub(crate) fn of(asked: Asked, read: RmpoptBase, owner: Owner) -> Self {
        match (asked, read.enabled()) {
            (Asked::Nothing | Asked::Off, false) => Self::Off,
            (Asked::Nothing | Asked::Off, true) => match owner {
                Owner::Module => Self::Kept,
                Owner::Kernel => Self::Native,
            },
            (Asked::On(_), false) => Self::Cleared,
            (Asked::On(first), true) if read.first() == Some(first) => Self::On,
            (Asked::On(_), true) => Self::OtherWindow,
        }
    }

    /// The name in files, in the log and in documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "enabled",
            Self::Kept => "kept by the processor",
            Self::OtherWindow => "enabled, other window",
            Self::Native => "enabled by the kernel",
            Self::Cleared => "cleared",
            Self::TakenOut(_) => "taken out",
        }
    }

    /// Whether the core takes part in passes as it is.
    pub(crate) const fn works(self) -> bool {
        match self {
            Self::On | Self::OtherWindow | Self::Native => true,
            Self::Off | Self::Kept | Self::Cleared | Self::TakenOut(_) => false,
        }
    }

    /// Whether a write that clears RMPOPT_EN is to be tried when the core shall be off.
    pub(crate) const fn to_switch_off(self) -> bool {
        match self {
            Self::On | Self::OtherWindow | Self::Kept | Self::Cleared | Self::TakenOut(_) => true,
            Self::Off | Self::Native => false,
        }
    }
}

/// The window with which a core is to be counted: `span` regions.
///
/// That is the one that it has where nobody moves it: where the register is the kernel's, and where
/// the processor has `refused` the one that it shall have. Else the one that it shall have, `wanted`: it
/// gets that before its next RMPOPT. `read` is `None` while nobody has looked.
pub(crate) fn window_of(
    wanted: Option<Window>,
    read: Option<RmpoptBase>,
    refused: Option<Region>,
    owner: Owner,
    span: u32,
) -> Option<Window> {
    let Some(read) = read else {
        return wanted;
    };
    let has = read
        .first()
        .filter(|_| read.enabled())
        .map(|first| Window { first, span });
    match owner {
        Owner::Kernel => has,
        Owner::Module => {
            let refused = refused.is_some() && wanted.map(|w| w.first) == refused;
            has.filter(|_| refused).or(wanted)
        }
    }
}
