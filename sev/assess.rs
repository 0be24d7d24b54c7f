// SPDX-License-Identifier: GPL-2.0

//! Decides from the features that were found what the module does: refuse to load, observe, or optimise.

use super::{
    cpuid::Features,
    msr::{
        RmpRegisters,
        RmpoptBase,
        Syscfg, //
    },
};
use crate::sys::codec::coded;

/// The values that the module reads once, when it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The features that CPUID reports.
    pub(crate) features: Features,
    /// The MSR SYSCFG.
    pub(crate) syscfg: Syscfg,
    /// The MSRs that say where the RMP is.
    pub(crate) rmp: RmpRegisters,
    /// The MSR RMPOPT_BASE of any core that has RMPOPT enabled. 0 where no core has, and where the processor does
    /// not have the MSR.
    pub(crate) rmpopt_base: RmpoptBase,
    /// The kernel has RMPOPT of its own.
    pub(crate) native: bool,
}

/// Why the module does not load. The errno of each is ENODEV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The processor is not AMD's.
    NotAmd,
    /// The processor has no SEV-SNP, or SEV-SNP is switched off in the firmware's set-up.
    NoSnp,
    /// The firmware has reserved no memory for the RMP.
    NoRmp,
}

impl Refusal {
    /// The reason, for a log line.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NotAmd => "the processor is not AMD's",
            Self::NoSnp => "the processor offers no SEV-SNP (CPUID 8000_001F EAX bit 4 is 0)",
            Self::NoRmp => "the firmware has set up no RMP (MSRs RMP_BASE, RMP_END, RMP_CFG)",
        }
    }

    /// What the administrator can do, for the same log line.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::NotAmd => "RMPOPT exists on AMD EPYC with SEV-SNP only",
            Self::NoSnp => {
                "enable SEV-SNP in the firmware's set-up, or use an EPYC of Zen 3 or later"
            }
            Self::NoRmp => {
                "enable \"SNP Memory (RMP Table) Coverage\" in the firmware's set-up and reboot"
            }
        }
    }
}

/// Why the module only observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObserveReason {
    /// The processor has no RMPOPT (Zen 3 to Zen 5).
    NoRmpopt,
    /// RMPOPT needs a segmented RMP, and the firmware has set up a contiguous one.
    ContiguousRmp,
}

impl ObserveReason {
    /// The reason, for a log line and for status files.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NoRmpopt => "the processor has no RMPOPT",
            Self::ContiguousRmp => {
                "RMPOPT needs a segmented RMP, the firmware set up a contiguous one"
            }
        }
    }
}

coded! {
    /// What the module does beside a kernel that has RMPOPT of its own.
    ///
    /// `sys/native.c` has the same order and names, as values of the module parameter `native`.
    #[derive(Default)]
    pub(crate) enum Native {
        /// The kernel owns RMPOPT_BASE and makes its passes. The module attempts the regions that guests give back
        /// sooner than the kernel does.
        #[default]
        Assist = "assist",
        /// The module shows status, and attempts nothing.
        Observe = "observe",
        /// The module owns RMPOPT_BASE and makes passes, as if the kernel had no RMPOPT.
        Takeover = "takeover",
    }
}

/// What the module does on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The module shows status and attempts nothing.
    Observe(ObserveReason),
    /// The module attempts regions whenever SNP is on.
    Optimise,
    /// The kernel has RMPOPT of its own. A [`Native`] says what the module does beside it.
    Native,
}

/// Decides what the module does on this host.
pub(crate) fn assess(found: &Found) -> Result<Role, Refusal> {
    let features = &found.features;
    if !features.amd {
        return Err(Refusal::NotAmd);
    }
    if !features.snp {
        return Err(Refusal::NoSnp);
    }
    if !found.rmp.present() {
        return Err(Refusal::NoRmp);
    }
    Ok(if !features.rmpopt {
        Role::Observe(ObserveReason::NoRmpopt)
    } else if !found.rmp.segmented() {
        Role::Observe(ObserveReason::ContiguousRmp)
    } else if found.native {
        Role::Native
    } else {
        Role::Optimise
    })
}
