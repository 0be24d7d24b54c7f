// SPDX-License-Identifier: GPL-2.0

//! The state of a core.
//!
//! Pure: the state follows from what was asked of the core, from the value that was read from RMPOPT_BASE, and
//! from the owner of the register. The value that was read counts, not the value that was written: RMPOPT_EN cannot
//! be cleared while SNP is on, and the base may not move.

use super::window::Window;
use crate::{
    sev::{
        addr::Region,
        fault::Fault,
        msr::RmpoptBase, //
    },
    sys::codec::Codec, //
};

/// The owner of RMPOPT_BASE. The module does not write the register while the kernel owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This module.
    Module,
    /// The kernel, which has RMPOPT of its own.
    Kernel,
}

/// What was last asked of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing was asked yet, or nothing since RMPOPT_BASE was found cleared.
    Nothing,
    /// RMPOPT was to be off.
    Off,
    /// RMPOPT was to be on, with a window that begins at this region.
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
    /// RMPOPT_EN is 0, as asked or because nothing was asked.
    Off,
    /// RMPOPT is on, with the window that was asked for.
    On,
    /// RMPOPT is on although the module asked for off or for nothing: the processor keeps RMPOPT_EN.
    Kept,
    /// RMPOPT is on, with a window that was not asked for: the processor did not let the base move.
    OtherWindow,
    /// A kernel with RMPOPT of its own has enabled RMPOPT.
    Native,
    /// The module had enabled RMPOPT, and somebody else has cleared RMPOPT_BASE since.
    Cleared,
    /// An access faulted. The core is left alone until SNP comes on again or the administrator writes `enabled`.
    TakenOut(Fault),
}

impl CoreState {
    /// The state of a core of which `asked` was asked last, whose RMPOPT_BASE was last read as `read`, and whose
    /// RMPOPT_BASE belongs to `owner`.
    ///
    /// Never [`CoreState::TakenOut`]: the caller must know of faults.
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

    /// Whether to write RMPOPT_BASE in order to switch the core off.
    pub(crate) const fn to_switch_off(self) -> bool {
        match self {
            Self::On | Self::OtherWindow | Self::Kept | Self::Cleared | Self::TakenOut(_) => true,
            Self::Off | Self::Native => false,
        }
    }
}

/// The window of `span` regions with which the module reckons for a core.
///
/// Where `owner` is the kernel, and where the processor has `refused` the window `wanted`, this is the window that
/// `read` opens. Else it is `wanted`, which the core gets before its next RMPOPT. `read` is `None` where RMPOPT_BASE
/// was not read yet.
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
